package recount

import (
	"errors"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/parts"
	"github.com/duban-project/duban/services/aggregation/recount/reported"
	"github.com/duban-project/duban/services/aggregation/recount/sum"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
	"github.com/duban-project/duban/services/aggregation/recount/tree"
)

// count is what has been read so far.
type count struct {
	until   time.Time // what took effect later is left out
	records map[string]*tally.Record
	tree    *tree.Tree
	below   bool               // those below tell themselves where their units lie
	claims  map[string][]claim // of which they do, by unit
	// stock has by how much what stands changed on a day.
	stock   map[tally.What]map[string]int64
	reports *reported.Reports
	parts   parts.Parts
	trail   *trail // nil if only figures are wanted
}

func newCount(until time.Time) *count {
	return &count{
		until: until, records: map[string]*tally.Record{}, tree: tree.New(), claims: map[string][]claim{}, stock: map[tally.What]map[string]int64{},
		reports: reported.New(), parts: parts.Parts{},
	}
}

// later says whether something took effect after the moment until which is
// counted.
func (c *count) later(t *timestamppb.Timestamp) bool { return t.AsTime().After(c.until) }

// take takes one entry in.
func (c *count) take(installation string, e *feedv1.Entry) error {
	day, subject := tally.Day(e.GetEffective()), e.GetSubject()
	if installation != "" {
		subject = "installations/" + installation + "/" + subject
	}
	if e.GetBody() == nil {
		c.replace(subject, &tally.Record{}, e)
		return nil
	}
	body, err := e.GetBody().UnmarshalNew()
	switch {
	case errors.Is(err, protoregistry.NotFound):
		return nil // a record of another kind
	case err != nil:
		return hold.Differ("its body cannot be read")
	}
	if c.told(installation, body, e.GetEffective()) {
		return nil
	}
	old := c.records[subject]
	if old == nil {
		old = &tally.Record{}
	}
	if r := tally.Of(body, old, day); r != nil {
		r = c.theirs(installation, r)
		c.reports.Record(r, e.GetEffective().AsTime())
		c.replace(subject, r, e)
	}
	return nil
}

// replace puts a record in the place of what was known of it until an entry.
func (c *count) replace(name string, r *tally.Record, e *feedv1.Entry) {
	day := tally.Day(e.GetEffective())
	c.reports.Replace(c.records[name], r, e.GetEffective().AsTime())
	if old := c.records[name]; old != nil {
		for _, m := range old.Stands {
			c.add(tally.What{Where: old.At, Metric: m}, day, -1)
		}
	}
	for _, m := range r.Stands {
		c.add(tally.What{Where: r.At, Metric: m}, day, 1)
	}
	c.trail.changed(name, c.records[name], r, day)
	c.records[name] = r
}

func (c *count) add(o tally.What, day string, n int64) {
	if c.stock[o] == nil {
		c.stock[o] = map[string]int64{}
	}
	c.stock[o][day] += n
}

// figures works out what the figures must be.
func (c *count) figures() *sum.Figures {
	f := &sum.Figures{Rows: sum.Rows{}, Owed: map[string]string{}, Scores: map[string]tally.Score{}, Parts: c.parts, Over: c.tree.Over()}
	for name, r := range c.records {
		c.flows(f, r)
		c.owes(f, name, r)
	}
	for o, days := range c.stock {
		c.stands(f, o, c.ours(o, days))
	}
	for o, days := range c.reports.Brought() {
		if reported.Stands(o.Metric) {
			c.stands(f, o, days)
			continue
		}
		for day, n := range days {
			f.Rows.Spread(c.tree.Path(o.Unit, day), o, "d", day, n)
		}
	}
	return f
}

// flows counts what came of a record, and what is due.
func (c *count) flows(f *sum.Figures, r *tally.Record) {
	for t, n := range r.Came {
		if o := (tally.What{Where: r.At, Metric: t.Metric}); !c.reports.Have(o, t.Day) {
			f.Rows.Spread(c.tree.Path(r.At.Unit, t.Day), o, "d", t.Day, n)
		}
	}
	for t, n := range r.Due {
		if o := (tally.What{Where: r.At, Metric: t.Metric}); !c.reports.Have(o, t.Day) {
			f.Rows.Spread(c.tree.Path(r.At.Unit, tree.Now), o, "o", t.Day, n)
		}
	}
}

// ours are the days on which the feed counts what stands: none before the unit's own
// records do.
func (c *count) ours(o tally.What, days map[string]int64) map[string]int64 {
	counted := map[string]int64{}
	for day, n := range days {
		counted[c.reports.Counts(o, day)] += n
	}
	return counted
}

// stands works out what a stock is worth to every unit that was above it at the
// end of each day.
func (c *count) stands(f *sum.Figures, o tally.What, changes map[string]int64) {
	days := c.tree.Days(o.Unit)
	for day := range changes {
		days[day] = true
	}
	level, had := int64(0), map[string]int64{}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		level += changes[day]
		if changes[day] != 0 {
			f.Rows.Alone(o, "d", day, changes[day])
		}
		has := map[string]int64{}
		for _, unit := range c.tree.Path(o.Unit, day) {
			has[unit] = level
		}
		for _, unit := range slices.Concat(slices.Collect(maps.Keys(had)), slices.Collect(maps.Keys(has))) {
			if more := has[unit] - had[unit]; more != 0 {
				f.Rows.Add(unit, o, "d", day, more)
				had[unit] = has[unit]
			}
		}
		had = has
	}
}

func (c *count) owes(f *sum.Figures, name string, r *tally.Record) {
	if r.Owes != "" {
		for _, unit := range c.tree.Path(r.At.Unit, tree.Now) {
			f.Owed[hold.Short(unit)+"\x00\x01\x00"+r.Owes+"\x00"+name] = r.At.Unit
			if r.At.Campaign != "" {
				f.Owed[hold.Short(unit)+"\x00"+hold.Short(r.At.Campaign)+"\x00"+r.Owes+"\x00"+name] = r.At.Unit
			}
		}
	}
	if r.Score != nil {
		f.Scores[hold.Short(r.Score.Unit)+"\x00"+r.Score.Day+"\x00"+name] = *r.Score
	}
}
