// Package reported says, counted anew, which figures reports have and what they last
// said of them, and holds what is kept of that against it. Whose units the pages of
// installations below may be about is decided by package recount, and what is said is
// added up by package sum.
package reported

import (
	"maps"
	"slices"
	"strings"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// metrics says which ones the fields of the forms bring.
var metrics = map[string]string{
	"ledger-monthly/found": "problems_found", "ledger-monthly/closed": "problems_closed",
	"ledger-monthly/rectifying": "problems_rectifying", "ledger-monthly/overdue": "problems_overdue",
	"tasks-monthly/due": "tasks_due", "tasks-monthly/submitted": "tasks_submitted",
	"tasks-monthly/late": "tasks_late", "tasks-monthly/approved": "tasks_approved",
	"complaints-monthly/received": "complaints_received", "complaints-monthly/accepted": "complaints_accepted",
	"complaints-monthly/accepted_in_time": "complaints_accepted_in_time", "complaints-monthly/closed": "complaints_closed",
	"complaints-monthly/decided_in_time": "complaints_decided_in_time", "complaints-monthly/decisions_due": "complaints_decisions_due",
	"supervision-quarterly/inspections": "inspections_concluded", "supervision-quarterly/rounds": "rounds_published",
}

// stocks are those of them that stand until something else is said.
var stocks = map[string]bool{"problems_rectifying": true, "problems_overdue": true}

// measures are what the metrics count whose names begin so, of which reports tell.
var measures = map[string]string{
	"problems": "problem", "tasks": "assignment", "complaints": "complaint", "inspections": "inspection", "rounds": "round",
}

// measureOf says what a metric counts, or "" if reports tell nothing of that.
func measureOf(metric string) string {
	what, _, _ := strings.Cut(metric, "_")
	return measures[what]
}

// Figure is what has one source of reports: all that came in a month of what is
// counted alike, a stock for good.
type Figure struct{ unit, of, month string }

// FigureOf names the one that has what counts on a day.
func FigureOf(unit, metric, day string) Figure {
	if stocks[metric] || len(day) < 7 {
		return Figure{unit, metric, ""}
	}
	return Figure{unit, measureOf(metric), day[:7]}
}

// Reports are what reports have said so far.
type Reports struct {
	// sources have the names of those whose reports have what is told; of a stock of which
	// nothing is left, how those begin that may have it.
	sources map[Figure]string
	// rows are how many rows count of what stands.
	rows map[Figure]int
	// reports are the reports, and pages what became of their rows.
	reports map[string]*aggregationv1.Report
	pages   map[string]*aggregationv1.ReportPage
	// local are the pages of reports that were made here.
	local map[string]*aggregationv1.ReportPage
	// since has when the own records of a unit began, and until the day behind the
	// newest period of which reports have told what stands.
	since map[string]time.Time
	until map[string]string
	// told has, of a unit, on the last days of which periods reports have told what
	// stands, and since when that is known.
	told map[string]map[string]time.Time
	// came has what feeds say came, and was accepted, whoever has it.
	came map[event]came
	// entered has when what is counted was, by its key in figures.reported.
	entered map[string]entry
}

// entry is when a report's figure was counted.
type entry struct {
	report string
	at     time.Time
}

// New returns what is said without reports.
func New() *Reports {
	return &Reports{
		map[Figure]string{}, map[Figure]int{}, map[string]*aggregationv1.Report{}, map[string]*aggregationv1.ReportPage{}, map[string]*aggregationv1.ReportPage{},
		map[string]time.Time{}, map[string]string{}, map[string]map[string]time.Time{}, map[event]came{}, map[string]entry{},
	}
}

// Report notes a report, whose pages come later.
func (s *Reports) Report(r *aggregationv1.Report) { s.reports[r.GetName()] = r }

// Page notes what is counted of a page of a report, from an installation below or, if
// that is "", from here. What a report once had, the feed never has again. What one that was
// made here had, none from below has: had that been first, this one would not count.
func (s *Reports) Page(installation string, p *aggregationv1.ReportPage, at time.Time) {
	before := s.pages[p.GetName()]
	s.pages[p.GetName()] = p
	if installation == "" {
		s.local[p.GetName()] = p
	}
	r := s.reports[p.GetReport()]
	for _, row := range p.GetRows() {
		row.Counted = row.GetCounted() && (installation == "" || s.free(r, row, installation))
		s.enter(r, row, at)
		if row.GetCounted() {
			metric := metricOf(r, row)
			if stocks[metric] {
				s.bind(row.GetResolvedUnit(), r.GetPeriod(), at)
				s.rows[FigureOf(row.GetResolvedUnit(), metric, "")]++
			}
			for _, month := range months(r.GetPeriod()) {
				s.sources[FigureOf(row.GetResolvedUnit(), metric, month)] = sourceOf(installation, r, metric)
			}
		}
	}
	s.release(r, before.GetRows())
}

// release notes that rows no longer count as they did: of a stock of which none is left any
// source of who had it may tell next.
func (s *Reports) release(r *aggregationv1.Report, rows []*aggregationv1.Report_Row) {
	for _, row := range rows {
		metric := metricOf(r, row)
		if !row.GetCounted() || !stocks[metric] {
			continue
		}
		f := FigureOf(row.GetResolvedUnit(), metric, "")
		if s.rows[f]--; s.rows[f] == 0 {
			s.sources[f] = s.sources[f][:max(0, strings.Index(s.sources[f], "reportSources/"))]
		}
	}
}

// free says whether no other source has what a row from below tells.
func (s *Reports) free(r *aggregationv1.Report, row *aggregationv1.Report_Row, installation string) bool {
	metric := metricOf(r, row)
	return !slices.ContainsFunc(months(r.GetPeriod()), func(month string) bool {
		held, ok := s.sources[FigureOf(row.GetResolvedUnit(), metric, month)]
		return ok && held != sourceOf(installation, r, metric) && held != below(installation)
	})
}

// enter notes when a row of a report began to count. What was taken off never counts
// again.
func (s *Reports) enter(r *aggregationv1.Report, row *aggregationv1.Report_Row, at time.Time) {
	key := keyOf(r, row)
	if row.GetCounted() && s.entered[key].report != r.GetName() {
		s.entered[key] = entry{r.GetName(), at}
	}
}

func metricOf(r *aggregationv1.Report, row *aggregationv1.Report_Row) string {
	return metrics[hold.Short(r.GetForm())+"/"+row.GetField()]
}

// sourceOf names who has what a report brings of a metric: of what came also by
// which form.
func sourceOf(installation string, r *aggregationv1.Report, metric string) string {
	source := reports.SourceName(r.GetUnit(), r.GetSource())
	if installation != "" {
		source = below(installation) + source
	}
	if stocks[metric] {
		return source
	}
	return source + " " + r.GetForm()
}

// below begins the names of the sources of an installation below.
func below(installation string) string { return "installations/" + installation + "/" }

// Have says whether reports have what came on a day. What stands is never theirs alone:
// Begins says from which day on it is the feed's. Nor is what no superior has accepted.
func (s *Reports) Have(o tally.What, day string) bool {
	_, have := s.sources[FigureOf(o.Unit, o.Metric, day)]
	return have && o.Accepted && !stocks[o.Metric] && told(o.Metric)
}

// Metrics are those of which reports have figures, or could have. What stands begins to be
// counted by records behind the newest period of which any of it was told.
func (s *Reports) Metrics() map[string]bool {
	all := map[string]bool{unitsReporting: true}
	for figure := range s.sources {
		for _, metric := range reportable {
			if figure.month == "" && stocks[metric] || figure.month != "" && figure.of == measureOf(metric) && !stocks[metric] {
				all[metric] = true
			}
		}
	}
	return all
}

// Brought lists by how much what is counted of reports changed on which day: what came
// on the last one of its period, and what stands from there until the next that says
// otherwise, or until the unit's own records begin.
func (s *Reports) Brought() map[tally.What]map[string]int64 {
	all := map[tally.What]map[string]int64{}
	for o, months := range s.said() {
		all[o] = changes(o.Metric, months)
	}
	for o, n := range s.Ended() {
		all[o][s.Begins(o.Unit)] -= n
	}
	maps.Copy(all, s.reporting())
	maps.Copy(all, s.Proposed())
	return all
}

// Ended lists what stood by reports at units whose own records tell since they began.
func (s *Reports) Ended() map[tally.What]int64 {
	all := map[tally.What]int64{}
	for o, months := range s.said() {
		if stocks[o.Metric] && s.Begins(o.Unit) != "" {
			all[o] = months[slices.Max(slices.Collect(maps.Keys(months)))]
		}
	}
	return all
}

// said lists what is counted, by the month at whose end it counts.
func (s *Reports) said() map[tally.What]map[string]int64 {
	all := map[tally.What]map[string]int64{}
	for _, p := range s.pages {
		r := s.reports[p.GetReport()]
		for _, row := range p.GetRows() {
			month := lastMonth(r.GetPeriod())
			if !row.GetCounted() || month == "" {
				continue
			}
			at := tally.Where{Unit: row.GetResolvedUnit(), Campaign: row.GetCampaign(), Category: row.GetCategory(), Accepted: true}
			o := tally.What{Where: at, Metric: metricOf(r, row)}
			if all[o] == nil {
				all[o] = map[string]int64{}
			}
			all[o][month] += row.GetValue()
		}
	}
	return all
}

// Stands says whether what reports bring of a metric stands until the next one.
func Stands(metric string) bool { return stocks[metric] || metric == unitsReporting }
