package figures

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/internal/store"
)

// tree is the tree of units in time, as far as the organization's feed has been
// counted. It is read once in a transaction.
type tree struct {
	tx    store.Tx
	known map[string][]parent
}

// parent is the unit above, since the end of a day; the first one since ever.
type parent struct{ since, unit string }

// depth ends every walk upwards, also in a tree that is broken.
const depth = 16

// end comes after every day.
const end = "9999-12-31"

func (t *tree) parents(unit string) ([]parent, error) {
	if p, ok := t.known[unit]; ok {
		return p, nil
	}
	b, err := t.tx.Get(treeBucket, []byte(unit))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("reading the parents of %s: %w", unit, err)
	}
	var parents []parent
	for line := range strings.Lines(string(b)) {
		since, above, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		parents = append(parents, parent{since, above})
	}
	t.known[unit] = parents
	return parents, nil
}

// put writes the parents of a unit.
func (t *tree) put(unit string, parents []parent) error {
	var b strings.Builder
	for _, p := range parents {
		b.WriteString(p.since + " " + p.unit + "\n")
	}
	t.known[unit] = parents
	return t.tx.Put(treeBucket, []byte(unit), []byte(b.String()))
}

// path returns the unit and those above it at the end of the day, nearest first.
func (t *tree) path(unit, day string) ([]string, error) {
	var path []string
	for unit != "" && len(path) < depth {
		path = append(path, unit)
		parents, err := t.parents(unit)
		if err != nil {
			return nil, err
		}
		unit = ""
		for i, p := range parents {
			if i == 0 || p.since <= day {
				unit = p.unit
			}
		}
	}
	return path, nil
}

// stretch is a run of days on which a unit had the same path.
type stretch struct {
	from string
	path []string
}

// stretches returns the paths of a unit from day on.
func (t *tree) stretches(unit, day string) (all []stretch, err error) {
	for day != "" {
		path, err := t.path(unit, day)
		if err != nil {
			return nil, err
		}
		all = append(all, stretch{day, path})
		if day, err = t.turn(path, day); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// turn returns the next day after day on which a unit of the path gets another
// parent, or "".
func (t *tree) turn(path []string, day string) (next string, err error) {
	for _, unit := range path {
		parents, err := t.parents(unit)
		if err != nil {
			return "", err
		}
		for _, p := range parents {
			if p.since > day && (next == "" || p.since < next) {
				next = p.since
			}
		}
	}
	return next, nil
}

// way is what something leaves and enters when the units above it change.
type way struct{ leaving, entering []string }

func between(before, now []string) way { return way{without(before, now), without(now, before)} }

// without returns the units of a that are not in b.
func without(a, b []string) (rest []string) {
	for _, unit := range a {
		if !slices.Contains(b, unit) {
			rest = append(rest, unit)
		}
	}
	return rest
}
