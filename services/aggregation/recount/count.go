package recount

import (
	"maps"
	"slices"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// of is where and how something counts.
type of struct {
	where
	metric string
}

// count is what has been read so far.
type count struct {
	records map[string]*record
	// parents has, for every unit, who stood above it at the end of a day.
	parents map[string]map[string]string
	// stock has by how much what stands changed on a day.
	stock map[of]map[string]int64
	// claimed are the figures that reports have: unit, metric, and month or "".
	claimed map[[3]string]bool
	// reported has what was last said, by month.
	reported map[of]map[string]said
	// owners are the installations that keep the units, and roots those whose root
	// a unit is.
	owners, roots map[string]string
}

type said struct{ sequence, value int64 }

func newCount() *count {
	return &count{
		records: map[string]*record{}, parents: map[string]map[string]string{}, stock: map[of]map[string]int64{},
		claimed: map[[3]string]bool{}, reported: map[of]map[string]said{},
		owners: map[string]string{}, roots: map[string]string{},
	}
}

// lies notes that a unit lies under another since a day.
func (c *count) lies(unit, above, day string) {
	if c.parents[unit] == nil {
		c.parents[unit] = map[string]string{"": above}
		return
	}
	c.parents[unit][day] = above
}

// above is the unit's parent at the end of a day.
func (c *count) above(unit, day string) string {
	newest, parent := "", c.parents[unit][""]
	for since, p := range c.parents[unit] {
		if since <= day && since >= newest {
			newest, parent = since, p
		}
	}
	return parent
}

// path is the unit and those above it at the end of a day.
func (c *count) path(unit, day string) (path []string) {
	for unit != "" {
		path = append(path, unit)
		unit = c.above(unit, day)
	}
	return path
}

// turns are the days on which the path of a unit may have changed, of all times.
func (c *count) turns(unit string) map[string]bool {
	days, seen, todo := map[string]bool{}, map[string]bool{}, []string{unit}
	for len(todo) > 0 {
		u := todo[0]
		todo = todo[1:]
		if seen[u] {
			continue
		}
		seen[u] = true
		for day, p := range c.parents[u] {
			days[day] = true
			if p != "" {
				todo = append(todo, p)
			}
		}
	}
	return days
}

// replace puts a record in the place of what was known of it.
func (c *count) replace(name string, r *record, day string) {
	if old := c.records[name]; old != nil {
		for _, m := range old.stands {
			c.add(of{old.at, m}, day, -1)
		}
	}
	for _, m := range r.stands {
		c.add(of{r.at, m}, day, 1)
	}
	c.records[name] = r
}

func (c *count) add(o of, day string, n int64) {
	if c.stock[o] == nil {
		c.stock[o] = map[string]int64{}
	}
	c.stock[o][day] += n
}

// fields says which metrics the fields of a form bring, and which of them come
// on a day.
var fields = map[string]struct {
	metric string
	flow   bool
}{
	"found": {"problems_found", true}, "closed": {"problems_closed", true},
	"rectifying": {"problems_rectifying", false}, "overdue": {"problems_overdue", false},
}

// report notes what an accepted report says.
func (c *count) report(installation string, r *aggregationv1.Report) {
	if r.GetState() != aggregationv1.Report_STATE_ACCEPTED {
		return
	}
	for _, row := range r.GetRows() {
		switch row.GetVerdict() {
		case aggregationv1.Report_VERDICT_CREATED, aggregationv1.Report_VERDICT_UPDATED, aggregationv1.Report_VERDICT_UNCHANGED:
		default:
			continue
		}
		if installation != "" && !c.has(installation, row.GetResolvedUnit()) {
			continue
		}
		f := fields[row.GetField()]
		o := of{where{unit: row.GetResolvedUnit(), campaign: theirCampaign(installation, row.GetCampaign()), category: row.GetCategory(), accepted: true}, f.metric}
		if c.reported[o] == nil {
			c.reported[o] = map[string]said{}
		}
		c.reported[o][r.GetPeriod()] = said{r.GetSequence(), row.GetValue()}
		c.claimed[claim(o.unit, f.metric, r.GetPeriod())] = true
	}
}

// claim names a figure that has one source.
func claim(unit, metric, day string) [3]string {
	switch metric {
	case "problems_found", "problems_closed":
		return [3]string{unit, metric, day[:7]}
	default:
		return [3]string{unit, metric, ""}
	}
}

func lastDay(month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 1, 0).AddDate(0, 0, -1).Format("2006-01-02")
}

// figures works out what the figures must be.
func (c *count) figures() *Figures {
	f := &Figures{rows: map[string]map[string]map[cell]int64{}, owed: map[string]string{}, scores: map[string]score{}}
	for name, r := range c.records {
		for t, n := range r.came {
			if !c.claimed[claim(r.at.unit, t.metric, t.day)] {
				c.flow(f, of{r.at, t.metric}, t.day, n)
			}
		}
		for t, n := range r.due {
			if !c.claimed[claim(r.at.unit, t.metric, t.day)] {
				f.spread(c.path(r.at.unit, "9999"), of{r.at, t.metric}, "o", t.day, n)
			}
		}
		c.owes(f, name, r)
	}
	for o, days := range c.stock {
		if !c.claimed[claim(o.unit, o.metric, "")] {
			c.stands(f, o, days)
		}
	}
	c.reports(f)
	return f
}

func (c *count) flow(f *Figures, o of, day string, n int64) {
	f.spread(c.path(o.unit, day), o, "d", day, n)
}

// stands works out what a stock is worth to every unit that was above it at the
// end of each day.
func (c *count) stands(f *Figures, o of, changes map[string]int64) {
	days := c.turns(o.unit)
	for day := range changes {
		days[day] = true
	}
	level, had := int64(0), map[string]int64{}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		level += changes[day]
		has := map[string]int64{}
		for _, unit := range c.path(o.unit, day) {
			has[unit] = level
		}
		for _, unit := range slices.Concat(slices.Collect(maps.Keys(had)), slices.Collect(maps.Keys(has))) {
			if more := has[unit] - had[unit]; more != 0 {
				f.add(unit, o, "d", day, more)
				had[unit] = has[unit]
			}
		}
		had = has
	}
}

// reports counts what reports say: of a stock, until the next one says
// otherwise.
func (c *count) reports(f *Figures) {
	for o, months := range c.reported {
		changes, level := map[string]int64{}, int64(0)
		for _, month := range slices.Sorted(maps.Keys(months)) {
			v := months[month].value
			if o.metric == "problems_found" || o.metric == "problems_closed" {
				c.flow(f, o, lastDay(month), v)
				continue
			}
			changes[lastDay(month)], level = v-level, v
		}
		c.stands(f, o, changes)
	}
}

func (c *count) owes(f *Figures, name string, r *record) {
	if r.owes != "" {
		for _, unit := range c.path(r.at.unit, "9999") {
			f.owed[short(unit)+"\x00\x01\x00"+r.owes+"\x00"+name] = r.at.unit
			if r.at.campaign != "" {
				f.owed[short(unit)+"\x00"+short(r.at.campaign)+"\x00"+r.owes+"\x00"+name] = r.at.unit
			}
		}
	}
	if r.score != nil {
		f.scores[short(r.score.unit)+"\x00"+r.score.day+"\x00"+name] = *r.score
	}
}
