package reported

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
)

// step is a day on which a unit begins or ends to be one that reports (报送单位), and the
// moment since which that is known, in nanoseconds since 1970.
type step struct {
	day    string
	moment int64
}

func (s step) compare(o step) int {
	return cmp.Or(cmp.Compare(s.moment, o.moment), strings.Compare(s.day, o.day))
}

// noted adds a step to those of which each goes before all that were known before it, by
// their days: so it can be told as of any moment which went first.
func noted(steps []step, s step, before func(day, other string) bool) []step {
	if slices.ContainsFunc(steps, func(o step) bool { return !before(s.day, o.day) && o.moment <= s.moment }) {
		return steps
	}
	steps = slices.DeleteFunc(slices.Clone(steps), func(o step) bool { return !before(o.day, s.day) && s.moment <= o.moment })
	steps = append(steps, s)
	slices.SortFunc(steps, step.compare)
	return steps
}

func earlier(day, other string) bool { return day < other }
func later(day, other string) bool   { return day > other }

// reporting is by how much the unit counts as one that reports since each step: from the
// last day of the first period of which a report has told what stands, also if what it
// told is taken off, until its own records begin.
func (o own) reporting() map[step]int64 {
	all := map[step]int64{}
	for i, s := range o.told {
		all[s]++
		if i > 0 {
			all[step{o.told[i-1].day, s.moment}]--
		}
	}
	if o.from != "" && len(o.told) > 0 {
		all[step{o.since(), max(o.moment, o.told[0].moment)}]--
	}
	return all
}

// know replaces what is known of the records of a unit of what a metric counts. Of
// problems, that changes since when it is one that reports.
func (c *Claims) know(unit string, m aggregation.Metric, before, after own) error {
	c.owns[ownKey(unit, m)] = after
	if aggregation.Define(m).Measure != aggregation.Define(aggregation.ProblemsFound).Measure {
		return nil
	}
	changed := after.reporting()
	for s, n := range before.reporting() {
		changed[s] -= n
	}
	for _, s := range slices.SortedFunc(maps.Keys(changed), step.compare) {
		r := Figure{Cell: aggregation.Cell{Unit: unit}, Metric: aggregation.UnitsReporting, Moment: s.moment}
		if err := c.put(r, s.day, changed[s]); err != nil {
			return err
		}
	}
	return nil
}
