// Package tree is the tree of units in time, counted anew: under whom each unit lay at
// the end of each day and since which moment, which installation keeps it, and whose
// root it is. It holds what is kept of that against it. What feeds say of the tree,
// and from when on, package recount tells it.
package tree

import (
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
)

// Tree is what has been told of the tree so far. Installations are such as 510104; ""
// is the one whose figures are counted.
type Tree struct {
	// parents has, for every unit, who stood above it since the end of a day; "" is
	// before all days.
	parents map[string]map[string]string
	// lain has the same by moments.
	lain map[string][]lay
	// owners are the installations that keep the units, and before those kept them.
	owners map[string][]string
	// roots are, for a unit, the installations whose root it is, or was.
	roots   map[string]map[string]bool
	refused map[string]string
	// merged are the units that were merged into the one above them.
	merged map[string]string
}

// lay says that a unit lies under another since a moment.
type lay struct {
	since int64
	above string
}

// ever is before every moment.
const ever = math.MinInt64

// Now is after every day.
const Now = "9999"

// New returns a tree without units.
func New() *Tree {
	return &Tree{
		parents: map[string]map[string]string{}, lain: map[string][]lay{}, owners: map[string][]string{}, roots: map[string]map[string]bool{},
		refused: map[string]string{}, merged: map[string]string{},
	}
}

// Lies notes that a unit lies under another since then; of the first one, since ever.
func (t *Tree) Lies(unit, above string, since *timestamppb.Timestamp) {
	t.moved(unit, above, since.AsTime().UnixNano())
	if t.parents[unit] == nil {
		t.parents[unit] = map[string]string{"": above}
		return
	}
	t.parents[unit][tally.Day(since)] = above
}

func (t *Tree) moved(unit, above string, at int64) {
	switch list := t.lain[unit]; {
	case len(list) == 0:
		t.lain[unit] = []lay{{ever, above}}
	case list[len(list)-1].above == above:
	case list[len(list)-1].since >= at:
		list[len(list)-1].above = above
	default:
		t.lain[unit] = append(list, lay{at, above})
	}
}

// Lain says whether it is known where the unit ever lay.
func (t *Tree) Lain(unit string) bool { return len(t.lain[unit]) > 0 }

// Owns says whether a unit is the installation's: who had it first keeps it, until another gets it.
func (t *Tree) Owns(installation, unit string) bool {
	if len(t.owners[unit]) == 0 {
		t.owners[unit] = []string{installation}
	}
	list := t.owners[unit]
	return list[len(list)-1] == installation
}

// Gets notes that a unit is the installation's from now on.
func (t *Tree) Gets(installation, unit string) {
	if !slices.Contains(t.owners[unit], installation) {
		t.owners[unit] = append(t.owners[unit], installation)
	}
}

// Merge notes that a unit was merged into the one above it.
func (t *Tree) Merge(unit string) { t.merged[strings.TrimPrefix(unit, "units/")] = "" }

// Heir is the unit whose the unit's records are: the one it was merged into, or
// itself.
func (t *Tree) Heir(unit string) string {
	for {
		if _, merged := t.merged[strings.TrimPrefix(unit, "units/")]; !merged {
			return unit
		}
		unit = t.Above(unit, Now)
	}
}

// Refuse notes a unit that has no place in the tree.
func (t *Tree) Refuse(r *federationv1.RefusedUnit) {
	t.refused[strings.Split(r.GetName(), "/refusedUnits/")[0]+"\x00"+r.GetUnit()] = ""
}

// SetRoot notes that a unit is the root of an installation.
func (t *Tree) SetRoot(unit, installation string) {
	if t.roots[unit] == nil {
		t.roots[unit] = map[string]bool{}
	}
	t.roots[unit][installation] = true
}

// RootOf says whether a unit is the root of an installation.
func (t *Tree) RootOf(installation, unit string) bool { return t.roots[unit][installation] }

// IsRoot says whether a unit is the root of any.
func (t *Tree) IsRoot(unit string) bool { return len(t.roots[unit]) > 0 }

// Has says whether the unit is the installation's, or was, or its root.
func (t *Tree) Has(installation, unit string) bool {
	return slices.Contains(t.owners[unit], installation) || t.roots[unit][installation]
}

// Above is the unit's parent at the end of a day.
func (t *Tree) Above(unit, day string) string {
	newest, parent := "", t.parents[unit][""]
	for since, p := range t.parents[unit] {
		if since <= day && since >= newest {
			newest, parent = since, p
		}
	}
	return parent
}

// deepest ends every walk upwards, also in a tree that is broken.
const deepest = 64

// Path is the unit and those above it at the end of a day.
func (t *Tree) Path(unit, day string) (path []string) {
	for unit != "" && len(path) < deepest {
		path = append(path, unit)
		unit = t.Above(unit, day)
	}
	return path
}

// Days are those on which the path of a unit may have changed, of all times.
func (t *Tree) Days(unit string) map[string]bool {
	days, seen, todo := map[string]bool{}, map[string]bool{}, []string{unit}
	for len(todo) > 0 {
		u := todo[0]
		todo = todo[1:]
		if seen[u] {
			continue
		}
		seen[u] = true
		for day, p := range t.parents[u] {
			days[day] = true
			if p != "" {
				todo = append(todo, p)
			}
		}
	}
	return days
}

// Over lists, for each installation below, itself and those whose roots are above
// its own now.
func (t *Tree) Over() map[string][]string {
	all := map[string][]string{}
	for root, installations := range t.roots {
		for _, unit := range t.Path(root, Now) {
			for installation := range installations {
				all[installation] = slices.AppendSeq(all[installation], maps.Keys(t.roots[unit]))
			}
		}
	}
	return all
}
