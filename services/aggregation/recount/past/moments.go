package past

import (
	"maps"
	"slices"
	"time"

	"github.com/duban-project/duban/services/aggregation/recount/tally"
)

// stretch is a part of a day in which no unit got another parent, by its first
// moment in nanoseconds since 1970.
type stretch = int64

// stretch is the one of a moment.
func (s Said) stretch(at int64) stretch {
	t := time.Unix(0, at).In(tally.Zone)
	first := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, tally.Zone).UnixNano()
	i, found := slices.BinarySearch(s.Turns, at)
	switch {
	case found:
		return at
	case i > 0 && s.Turns[i-1] > first:
		return s.Turns[i-1]
	default:
		return first
	}
}

// moments is how many of the newest months are held against a count until their
// end, and how many other moments, spread evenly over all that is kept.
const moments = 12

// Moments are the ends of the newest months of which something is kept, and of
// some stretches, spread evenly.
func (p *Past) Moments() (all []time.Time) {
	months, ends := map[int64]bool{}, []int64{}
	for i, l := range p.known {
		t := time.Unix(0, l.since).In(tally.Zone)
		months[time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, tally.Zone).UnixNano()-1] = true
		if i > 0 && p.known[i-1].since != l.since {
			ends = append(ends, min(l.since, p.said.stretch(l.since))-1)
		}
	}
	newest := slices.Sorted(maps.Keys(months))
	for _, at := range newest[max(0, len(newest)-moments):] {
		all = append(all, time.Unix(0, at))
	}
	for i := range min(moments, len(ends)) {
		all = append(all, time.Unix(0, ends[i*len(ends)/min(moments, len(ends))]))
	}
	return all
}
