// Package sum adds up what records and reports count: for every unit with all beneath
// it, in every cut that can be asked for, and holds the figures that are kept against
// these sums. What counts, and under which units it lies, it is told by package
// recount; since when it was known is held by package past.
package sum

import (
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
)

// Rows are figures: by unit, then by cut, then by what and when. A unit's name with
// 0x01 behind it stands for the unit without those beneath. The parts of a cut have
// 0x00 between them: campaign, category and source, each 0x01 if it is any.
type Rows map[string]map[string]map[Cell]int64

// Cell is how much of a metric, in a standing, counts on a day of an axis: d, on
// which it came or changed, or o, until which it is due.
type Cell struct {
	Axis, Day, Metric string
	// Standing is 0 of what is accepted, 1 of the unit's own and 2 of what is beneath
	// it that is not.
	Standing int
}

// Spread adds n to all units of a path, and to the unit alone.
func (r Rows) Spread(path []string, o tally.What, axis, day string, n int64) {
	for _, unit := range path {
		r.Add(unit, o, axis, day, n)
	}
	r.Alone(o, axis, day, n)
}

// Alone adds n to a unit's own figures, without those beneath.
func (r Rows) Alone(o tally.What, axis, day string, n int64) {
	o.Unit += "\x01"
	r.Add(o.Unit, o, axis, day, n)
}

// Add adds n to a unit, in every cut that asks for it.
func (r Rows) Add(unit string, o tally.What, axis, day string, n int64) {
	at := Cell{axis, day, o.Metric, 0}
	switch {
	case o.Accepted:
	case unit == o.Unit:
		at.Standing = 1
	default:
		at.Standing = 2
	}
	for _, campaign := range askable(hold.Short(o.Campaign)) {
		for _, category := range askable(o.Category) {
			for _, source := range askable(o.Source) {
				if category == "\x01" || campaign != "\x01" {
					r.Put(unit, campaign+"\x00"+category+"\x00"+source, at, n)
				}
			}
		}
	}
}

// Put adds n to a unit in one cut.
func (r Rows) Put(unit, cut string, at Cell, n int64) {
	if r[unit] == nil {
		r[unit] = map[string]map[Cell]int64{}
	}
	if r[unit][cut] == nil {
		r[unit][cut] = map[Cell]int64{}
	}
	r[unit][cut][at] += n
}

// askable are the questions that a value answers: any, and itself.
func askable(value string) []string {
	if value == "" {
		return []string{"\x01"}
	}
	return []string{"\x01", value}
}
