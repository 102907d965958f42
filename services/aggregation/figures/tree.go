package figures

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/internal/store"
)

// tree is the tree of units in time, as far as the organization's feed has been
// counted. It is read once in a transaction.
type tree struct {
	tx    store.Tx
	known map[string][]parent
	legs  map[place][]leg
}

func newTree(tx store.Tx) *tree { return &tree{tx, map[string][]parent{}, map[place][]leg{}} }

// parent is the unit above, since a moment; the first one since ever.
type parent struct {
	since moment
	unit  string
}

// depth ends every walk upwards, also in a tree that is broken.
const depth = 16

func (t *tree) parents(unit string) ([]parent, error) {
	if p, ok := t.known[unit]; ok {
		return p, nil
	}
	b, _, err := store.Seek(t.tx, treeBucket, []byte(unit))
	if err != nil {
		return nil, fmt.Errorf("reading the parents of %s: %w", unit, err)
	}
	var parents []parent
	for line := range strings.Lines(string(b)) {
		text, above, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		since, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading the parents of %s: %w", unit, err)
		}
		parents = append(parents, parent{moment(since), above})
	}
	t.known[unit] = parents
	return parents, nil
}

// put writes the parents of a unit. A change of parents is a turn of the tree.
func (t *tree) put(unit string, parents []parent) error {
	var b strings.Builder
	for _, p := range parents {
		b.WriteString(strconv.FormatInt(int64(p.since), 10) + " " + p.unit + "\n")
	}
	t.known[unit] = parents
	clear(t.legs)
	if now := parents[len(parents)-1]; now.since != ever {
		if err := t.tx.Put(turnsBucket, []byte(now.since.key()), nil); err != nil {
			return err
		}
	}
	return t.tx.Put(treeBucket, []byte(unit), []byte(b.String()))
}

// path returns the unit and those above it at a moment, nearest first.
func (t *tree) path(unit string, at moment) ([]string, error) {
	var path []string
	for unit != "" && len(path) < depth {
		path = append(path, unit)
		parents, err := t.parents(unit)
		if err != nil {
			return nil, err
		}
		unit = ""
		for i, p := range parents {
			if i == 0 || p.since <= at {
				unit = p.unit
			}
		}
	}
	return path, nil
}

// turn returns the next moment after at on which a unit of the path gets another
// parent, or never.
func (t *tree) turn(path []string, at moment) (next moment, err error) {
	next = never
	for _, unit := range path {
		parents, err := t.parents(unit)
		if err != nil {
			return never, err
		}
		for _, p := range parents {
			if p.since > at {
				next = min(next, p.since)
			}
		}
	}
	return next, nil
}

// stretch returns the first moment of the stretch of a moment: the part of a day
// in which the tree does not turn.
func (t *tree) stretch(at moment) (moment, error) {
	first := at.dawn()
	for e, err := range t.tx.Scan(turnsBucket, []byte(first.key()), []byte((at + 1).key())) {
		if err != nil {
			return 0, err
		}
		first = readMoment(e.Key)
	}
	return first, nil
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
