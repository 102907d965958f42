package server_test

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/joins"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/aggregation/recount/recounttest"
	"github.com/duban-project/duban/services/aggregation/recount/sum"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/store"
)

// moments is at how many moments of a history the figures are compared.
const moments = 50

// busy are the actions of days on which much happens, units that move and merge
// within the day too. Whose a reported figure is goes by the order of counting:
// so all is counted before a report is.
func (h *history) busy() map[string]func(*rapid.T) {
	all := h.actions()
	report := all["report"]
	all["report"] = func(t *rapid.T) {
		for _, s := range services[2:] {
			h.count(s, len(h.feeds[s]))
		}
		report(t)
	}
	all["soon"] = func(t *rapid.T) { h.T = t; h.now = h.now.Add(time.Duration(h.pick("minutes", 300)) * time.Minute) }
	all["soon2"], all["move2"] = all["soon"], all["move"]
	all["merge"] = func(t *rapid.T) { h.T = t; h.merge() }
	return all
}

// merge lays all that is beneath a unit, and then the unit, under another.
func (h *history) merge() {
	source, target := names[1+h.pick("source", len(names)-1)], names[h.pick("target", len(names))]
	if h.beneath(target, source) {
		return
	}
	for _, name := range names {
		if h.parents[name] == source {
			h.lie(name, target)
		}
	}
	h.lie(source, target)
}

// moment is one at which something happened, one just before, or any.
func (h *history) moment() time.Time { return h.momentOf(services) }

func (h *history) momentOf(services []string) time.Time {
	feed := h.feeds[services[h.pick("service", len(services))]]
	if len(feed) == 0 {
		return h.now
	}
	at := feed[h.pick("entry", len(feed))].GetEffective().AsTime()
	return at.Add([]time.Duration{0, -1, 1, 7 * time.Hour, -30 * time.Hour, 24 * time.Hour}[h.pick("offset", 6)])
}

// As known at any past moment, and grouped by the tree of the time or by today's:
// every figure is that of a recount of what had taken effect by then.
func TestPastFiguresAreThoseOfARecount(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHistory(t, r)
		defer h.close()
		r.Repeat(h.busy())
		h.T = r
		h.settle()
		for range moments {
			at := h.moment()
			want, err := recount.CountUntil(t.Context(), h.stores["aggregation"], recount.Sources("", h.stores), at)
			if err != nil {
				r.Fatal(err)
			}
			err = h.stores["aggregation"].View(t.Context(), func(tx store.Tx) error { return h.askOf(tx, want, at) })
			if err != nil {
				r.Fatalf("as of %v: %v", at, err)
			}
		}
	})
}

// askOf compares two answers with the recount's: by the tree as it was, and as it
// is.
func (h *history) askOf(tx store.Tx, want *sum.Figures, at time.Time) error {
	day := calendar.On(at).String()
	q := figures.Query{
		Unit: h.unit(), Campaign: append(campaigns, "campaigns/510104.x")[h.pick("campaign", 4)], End: h.around(), Today: day,
		Own: h.flip("own"), Beneath: h.flip("beneath"), Source: []string{"", "SELF_CHECK"}[h.pick("source", 2)],
	}
	if q.Campaign != "" {
		q.Category = []string{"", "c1"}[h.pick("category", 2)]
	}
	q.End = min(cmp.Or(q.End, day), day)
	q.Start = min(h.around(), q.End)
	itself := func(installation, below string) bool { return installation == below } // there is one below at most
	joined, err := joins.Read(tx, "installations/510000", q.Campaign, itself)
	if err != nil {
		return err
	}
	q.Joined = joined
	if q.AsOf, err = figures.NewPast(tx, at, q); err != nil {
		return err
	}
	all := aggregation.Sums(aggregation.Definitions...)
	then, err := figures.Read(tx, q, all)
	if err != nil {
		return err
	}
	subtree := h.subtree(q.Unit)
	now, err := figures.ReadGrouped(tx, q, subtree, all)
	if err != nil {
		return err
	}
	for _, d := range aggregation.Definitions {
		if d.Kind == aggregationv1.Metric_KIND_RATIO || d.Latest() {
			continue
		}
		asked := recounttest.Question{
			Unit: q.Unit, Campaign: q.Campaign, Category: q.Category, Source: q.Source, Metric: d.ID, Flow: d.Flow(),
			Start: q.Start, End: q.End, Today: q.Today, Own: q.Own, Beneath: q.Beneath, Home: "510000",
		}
		if n := asked.Value(want); then[d.Metric] != n {
			return fmt.Errorf("%s of %+v is %d by the tree as it was, and %d when counted anew", d.ID, q, then[d.Metric], n)
		}
		if n := grouped(want, asked, subtree); now[d.Metric] != n {
			return fmt.Errorf("%s of %+v is %d by the tree as it is, and %d when counted anew", d.ID, q, now[d.Metric], n)
		}
	}
	return nil
}

// subtree is the unit and all that lies beneath it now.
func (h *history) subtree(unit string) (all []string) {
	for _, name := range names {
		if h.beneath(name, unit[len("units/"):]) {
			all = append(all, "units/"+name)
		}
	}
	return all
}

func grouped(f *sum.Figures, asked recounttest.Question, subtree []string) (sum int64) {
	for _, unit := range subtree {
		one := asked
		one.Unit, one.Alone = unit, true
		if unit != asked.Unit {
			one.Own = asked.Beneath
		}
		sum += one.Value(f)
	}
	return sum
}
