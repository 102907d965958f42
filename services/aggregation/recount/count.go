package recount

import (
	"fmt"
	"maps"
	"regexp"
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
	until   time.Time // what took effect later is left out
	latest  time.Time // when what is taken in took effect
	records map[string]*record
	// parents has, for every unit, who stood above it at the end of a day.
	parents map[string]map[string]string
	// stock has by how much what stands changed on a day.
	stock map[of]map[string]int64
	// claimed are the figures that reports have: unit, metric, and month or "".
	claimed map[[3]string]bool
	// sources have the names of those whose reports they are.
	sources map[[3]string]string
	// reports are the reports, and pages what became of their rows.
	reports map[string]*aggregationv1.Report
	pages   map[string]*aggregationv1.ReportPage
	// owners are the installations that keep the units, and roots those whose root
	// a unit is.
	owners, roots map[string]string
	parts         parts
	trail         *trail // nil if only figures are wanted
}

func newCount(until time.Time) *count {
	return &count{
		until:   until,
		records: map[string]*record{}, parents: map[string]map[string]string{}, stock: map[of]map[string]int64{},
		claimed: map[[3]string]bool{}, sources: map[[3]string]string{}, reports: map[string]*aggregationv1.Report{}, pages: map[string]*aggregationv1.ReportPage{},
		owners: map[string]string{}, roots: map[string]string{}, parts: parts{},
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

// deepest ends every walk upwards, also in a tree that is broken.
const deepest = 64

// path is the unit and those above it at the end of a day.
func (c *count) path(unit, day string) (path []string) {
	for unit != "" && len(path) < deepest {
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
	c.trail.changed(name, c.records[name], r, day)
	c.records[name] = r
}

func (c *count) add(o of, day string, n int64) {
	if c.stock[o] == nil {
		c.stock[o] = map[string]int64{}
	}
	c.stock[o][day] += n
}

// fields says which metrics the fields of the forms bring.
var fields = map[string]string{
	"ledger-monthly/found": "problems_found", "ledger-monthly/closed": "problems_closed",
	"ledger-monthly/rectifying": "problems_rectifying", "ledger-monthly/overdue": "problems_overdue",
	"tasks-monthly/due": "tasks_due", "tasks-monthly/submitted": "tasks_submitted",
	"tasks-monthly/late": "tasks_late", "tasks-monthly/approved": "tasks_approved",
	"complaints-monthly/received": "complaints_received", "complaints-monthly/accepted": "complaints_accepted",
	"complaints-monthly/accepted_in_time": "complaints_accepted_in_time", "complaints-monthly/closed": "complaints_closed",
	"supervision-quarterly/inspections": "inspections_concluded", "supervision-quarterly/rounds": "rounds_published",
}

// stocks are those of them that stand until something else is said.
var stocks = map[string]bool{"problems_rectifying": true, "problems_overdue": true}

// page notes what is counted of a page of a report. What a report once had, the
// feed never has again.
func (c *count) page(installation string, p *aggregationv1.ReportPage) {
	if installation != "" {
		p = c.theirPage(installation, p)
	}
	c.pages[p.GetName()] = p
	r := c.reports[p.GetReport()]
	for _, row := range p.GetRows() {
		if row.GetCounted() {
			for _, month := range months(r.GetPeriod()) {
				figure := claim(row.GetResolvedUnit(), metricOf(r, row), month)
				c.claimed[figure], c.sources[figure] = true, sourceOf(installation, r, metricOf(r, row))
			}
		}
	}
}

func metricOf(r *aggregationv1.Report, row *aggregationv1.Report_Row) string {
	return fields[short(r.GetForm())+"/"+row.GetField()]
}

var periods = regexp.MustCompile(`^\d{4}(-(Q[1-4]|H[12]|\d\d))?$`)

// months lists those of a period, as it is written; none of what is no period.
func months(period string) (list []string) {
	if !periods.MatchString(period) {
		return nil
	}
	year, part := period[:4], ""
	if len(period) > 5 {
		part = period[5:]
	}
	first, n := 1, 12
	switch {
	case part != "" && part[0] == 'Q':
		first, n = 3*int(part[1]-'1')+1, 3
	case part != "" && part[0] == 'H':
		first, n = 6*int(part[1]-'1')+1, 6
	case part != "":
		return []string{period}
	}
	for m := first; m < first+n; m++ {
		list = append(list, fmt.Sprintf("%s-%02d", year, m))
	}
	return list
}

// claim names a figure that has one source.
func claim(unit, metric, day string) [3]string {
	if stocks[metric] || len(day) < 7 {
		return [3]string{unit, metric, ""}
	}
	return [3]string{unit, metric, day[:7]}
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
	f := &Figures{rows: map[string]map[string]map[cell]int64{}, owed: map[string]string{}, scores: map[string]score{}, parts: c.parts, over: c.over()}
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
	c.reported(f)
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
		if changes[day] != 0 {
			f.alone(o, "d", day, changes[day])
		}
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

// said lists what is counted of reports, by the month at whose end it counts.
func (c *count) said() map[of]map[string]int64 {
	all := map[of]map[string]int64{}
	for _, p := range c.pages {
		r := c.reports[p.GetReport()]
		for _, row := range p.GetRows() {
			list := months(r.GetPeriod())
			if !row.GetCounted() || len(list) == 0 {
				continue
			}
			o := of{where{unit: row.GetResolvedUnit(), campaign: row.GetCampaign(), category: row.GetCategory(), accepted: true}, metricOf(r, row)}
			if all[o] == nil {
				all[o] = map[string]int64{}
			}
			all[o][list[len(list)-1]] += row.GetValue()
		}
	}
	return all
}

// reported counts what reports say: of a stock, until the next one says
// otherwise.
func (c *count) reported(f *Figures) {
	for o, months := range c.said() {
		changes, level := map[string]int64{}, int64(0)
		for _, month := range slices.Sorted(maps.Keys(months)) {
			v := months[month]
			if !stocks[o.metric] {
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
