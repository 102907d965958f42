package figures

import (
	"slices"

	"github.com/duban-project/duban/services/aggregation"
)

// place is where something counts before it is spread over units: what is in one
// place counts in the same rows.
type place struct {
	cell aggregation.Cell
	kind kind
	day  string
	// known is the first moment of the stretch in which it became known.
	known moment
}

// kind says how long what counts goes on counting, and so how far it follows its
// unit through the tree.
type kind byte

const (
	flows  kind = iota // on its day
	stands             // from its day on
	dues               // until it is done, by due date
)

func kindOf(m aggregation.Metric) kind {
	switch d := aggregation.Define(m); {
	case d.Overdue():
		return dues
	case d.Flow():
		return flows
	default:
		return stands
	}
}

// standsOn says whether what counts by day goes on counting on later days.
func standsOn(m aggregation.Metric) bool { return !aggregation.Define(m).Flow() }

// axis says by which day things of the kind are kept.
func (k kind) axis() string {
	if k == dues {
		return byDue
	}
	return byDay
}

// leg is a part of the way of what counts through the tree: on a day it leaves
// units and enters others, and that was known from a moment on.
type leg struct {
	way
	day   string
	known moment
}

// way returns the legs of what counts in a place. The first one enters the unit
// and those that were above it; the others follow the unit where it moved.
func (t *tree) way(at place) (legs []leg, err error) {
	at.cell = aggregation.Cell{Unit: at.cell.Unit}
	if legs, ok := t.legs[at]; ok {
		return legs, nil
	}
	from, until, err := at.span()
	if err != nil {
		return nil, err
	}
	path, err := t.path(at.cell.Unit, from)
	if err != nil {
		return nil, err
	}
	legs = []leg{{way{entering: path}, at.day, at.known}}
	for {
		turn, err := t.turn(path, from)
		if err != nil {
			return nil, err
		}
		if turn > until || turn == never {
			t.legs[at] = legs
			return legs, nil
		}
		now, err := t.path(at.cell.Unit, turn)
		if err != nil {
			return nil, err
		}
		legs = append(legs, leg{between(path, now), at.dayOf(turn), max(at.known, turn)})
		path, from = now, turn
	}
}

// span is the first and the last moment at which the tree matters to the place.
func (at place) span() (from, until moment, err error) {
	if at.kind == dues {
		return at.known, never, nil
	}
	if until, err = dusk(at.day); err != nil {
		return 0, 0, err
	}
	from = min(at.known, until)
	if at.kind == stands {
		until = never
	}
	return from, until, nil
}

// dayOf is the day on which what is in the place counts elsewhere because of a
// turn.
func (at place) dayOf(turn moment) string {
	if at.kind == dues {
		return at.day
	}
	return max(at.day, turn.day())
}

// spread calls put for every unit whose rows change by what counts in a place,
// with what changes on which day, and since when that was known. The unit's own
// rows, which never move, have the unit's name and alone.
func (t *tree) spread(at place, r row, put func(unit, day string, known moment, r row)) error {
	legs, err := t.way(at)
	if err != nil {
		return err
	}
	put(at.cell.Unit+alone, at.day, at.known, r)
	above := r.seenAbove()
	less := above.negative()
	for _, leg := range legs {
		for _, unit := range leg.leaving {
			put(unit, leg.day, leg.known, less)
		}
		for _, unit := range leg.entering {
			if unit == at.cell.Unit {
				put(unit, leg.day, leg.known, r)
			} else {
				put(unit, leg.day, leg.known, above)
			}
		}
	}
	return nil
}

// seenAbove is the row as it counts in units above.
func (r row) seenAbove() row {
	var above row
	for _, a := range r {
		above.add(a.slot.seenAbove(), a.n)
	}
	return above
}

func (r row) negative() row {
	less := slices.Clone(r)
	for i := range less {
		less[i].n = -less[i].n
	}
	return less
}
