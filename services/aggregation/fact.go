package aggregation

import (
	"cmp"
	"slices"
)

// Cell is which part of the figures something counts in. Units and campaigns
// are resource names; an empty field is a value like any other.
type Cell struct {
	Unit, Campaign, Category, Source string
}

// Fact is all that one record of a service contributes to the figures. When the
// record changes, the old fact is taken off and the new one put on. The zero
// Fact contributes nothing.
type Fact struct {
	Cell
	// Accepted says that a superior has accepted it.
	Accepted bool
	// Counts are in no particular order; no two have the same metric and day.
	Counts []Count
	// Owes is the due date of what the unit owes by it, or "".
	Owes string
	// Score is what a published round gave the unit, or nil.
	Score *Score
}

// Count is how much a fact counts in a metric.
type Count struct {
	Metric Metric
	// Day is, of a flow, the day that it came, and of what can be overdue, the
	// due date. What stands has none: it counts from the day of the change on.
	Day string
	N   int64
}

// Score is a unit's result in a round of evaluation.
type Score struct {
	Day         string // when it was published
	Milli, Rank int64
}

// Of returns how much of the metric f counts, over all days.
func (f *Fact) Of(m Metric) (n int64) {
	for _, c := range f.Counts {
		if c.Metric == m {
			n += c.N
		}
	}
	return n
}

// First returns the first day on which f counts m, or "".
func (f *Fact) First(m Metric) (day string) {
	for _, c := range f.Counts {
		if c.Metric == m && (day == "" || c.Day < day) {
			day = c.Day
		}
	}
	return day
}

// count adds n to a metric on a day. It does nothing for 0 and, of what needs a
// day, without one.
func (f *Fact) count(m Metric, day string, n int64) {
	if n == 0 || day == "" && Define(m).Kind != stock {
		return
	}
	for i := range f.Counts {
		if f.Counts[i].Metric == m && f.Counts[i].Day == day {
			f.Counts[i].N += n
			return
		}
	}
	f.Counts = append(f.Counts, Count{m, day, n})
}

// carry takes over from before what f has counted of a metric so far, and counts
// what total has beyond it on day. A total that shrank counts as it is, on day.
func (f *Fact) carry(before *Fact, m Metric, total int64, day string) {
	had := before.Of(m)
	if had > total {
		f.count(m, day, total)
		return
	}
	for _, c := range before.Counts {
		if c.Metric == m {
			f.count(m, c.Day, c.N)
		}
	}
	f.count(m, day, total-had)
}

// once counts 1 on the day on which before counted it, or else on day.
func (f *Fact) once(before *Fact, m Metric, day string) {
	f.count(m, cmp.Or(before.First(m), day), 1)
}

// Delta is one change of the figures: N more of a metric in a cell, on a day.
type Delta struct {
	Cell
	Accepted bool
	Metric   Metric
	Day      string
	N        int64
}

// Change returns what turns before into after, if the change took effect on day:
// flows and due dates change on their own days, what stands changes on day.
func Change(before, after *Fact, day string) []Delta {
	var deltas []Delta
	add := func(f *Fact, sign int64) {
		for _, c := range f.Counts {
			at := c.Day
			if Define(c.Metric).Kind == stock {
				at = day
			}
			deltas = append(deltas, Delta{f.Cell, f.Accepted, c.Metric, at, sign * c.N})
		}
	}
	add(before, -1)
	add(after, 1)
	return net(deltas)
}

// net joins deltas that differ in N alone and drops what comes to nothing.
func net(deltas []Delta) []Delta {
	for i := range deltas {
		for j := i + 1; j < len(deltas); j++ {
			a, b := deltas[i], deltas[j]
			if a.N, b.N = 0, 0; a == b {
				deltas[i].N += deltas[j].N
				deltas[j].N = 0
			}
		}
	}
	return slices.DeleteFunc(deltas, func(d Delta) bool { return d.N == 0 })
}
