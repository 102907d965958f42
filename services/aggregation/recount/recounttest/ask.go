// Package recounttest answers what can be asked of figures from a recount, for the
// tests of whoever answers it from rows. It shares no code with them, and works every
// answer out day by day; what is counted is decided by package recount.
package recounttest

import (
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/parts"
	"github.com/duban-project/duban/services/aggregation/recount/sum"
)

// Question asks for one value.
type Question struct {
	Unit, Campaign, Category, Source string // empty: any, of all but the unit
	Metric                           string
	Flow                             bool // what the metric counts came on a day
	Start, End, Today                string
	Own, Beneath                     bool // also what is not accepted, of the unit and of those beneath
	Alone                            bool // only the unit's own
	// Home is the installation whose figures they are, such as 510000: by that name
	// campaigns below mean one here.
	Home string
}

// Value answers q, worked out day by day: of a flow what came from start to end,
// of anything else that counts by day what stands at the end, and what is overdue
// today: what is open and was due before it, and what reports say.
func (q Question) Value(f *sum.Figures) (value int64) {
	unit := q.Unit
	if q.Alone {
		unit += "\x01"
	}
	for _, campaign := range q.campaigns(f) {
		for at, n := range f.Rows[unit][part(campaign)+"\x00"+part(q.Category)+"\x00"+part(q.Source)] {
			if at.Metric == q.Metric && q.counts(at) {
				value += n
			}
		}
	}
	return value
}

// part is how a cut has what a question asks for.
func part(asked string) string {
	if asked == "" {
		return "\x01"
	}
	return hold.Short(asked)
}

func (q Question) counts(at sum.Cell) bool {
	if at.Standing == 1 && !q.Own || at.Standing == 2 && !q.Beneath {
		return false
	}
	if at.Axis == "o" {
		return at.Day < q.Today
	}
	if strings.HasSuffix(at.Metric, "_overdue") {
		return at.Day <= q.Today // as reports say
	}
	return at.Day <= q.End && (!q.Flow || at.Day >= q.Start)
}

// campaigns are the one that is asked for and all that are part of it, or of these, as
// seen from home. One that names what is not above its installation is part of nothing.
func (q Question) campaigns(f *sum.Figures) (all []string) {
	all = []string{q.Campaign}
	for name := range f.Parts {
		for at, steps := name, 0; at != "" && steps < 50; steps++ {
			if at = q.above(f, at); at != "" && at == q.Campaign && name != q.Campaign {
				all = append(all, name)
				break
			}
		}
	}
	return all
}

// above is what a campaign is part of, by its name here, or "".
func (q Question) above(f *sum.Figures, campaign string) string {
	named := parts.Named.FindStringSubmatch(f.Parts[campaign])
	switch {
	case named == nil:
		return ""
	case named[1] == q.Home:
		return "campaigns/" + named[2]
	case slices.Contains(f.Over[parts.Owner(campaign)], named[1]):
		return parts.Here(named[1], "campaigns/"+named[2])
	default:
		return ""
	}
}
