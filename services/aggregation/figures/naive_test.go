package figures_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/ended"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
)

// naive keeps whatever happened and counts it anew for every question, record by
// record and day by day. It knows nothing of rows, cuts or sums.
type naive struct {
	moves    []move
	problems map[string]*life
	ledgers  map[string]*rectificationv1.Ledger
	reports  []reported.Figure // that were counted
	holders  map[figure]string // which source of reports has each figure
	since    map[string]string // from which day on a unit has problems of its own that were accepted
	until    map[string]string // the first day behind the months that reports told of
	told     map[string]string // the last day of the first month of which reports told what stands
}

// move says that a unit lies under another since a day.
type move struct{ unit, above, day string }

// life is what became of a problem.
type life struct {
	versions []version
	returned []string // the days on which it was
	// cancelled is the first day on which it was, as long as it is; or none.
	cancelled []string
}

type version struct {
	day string
	is  *rectificationv1.Problem // nil: gone
}

// figure is what has one source: all that comes in a month, whatever the metric, of
// anything else the metric for good.
type figure struct {
	unit   string
	metric aggregation.Metric
	month  string
}

func figureOf(unit string, m aggregation.Metric, day string) figure {
	if m == aggregation.ProblemsFound || m == aggregation.ProblemsClosed {
		return figure{unit, 0, day[:7]}
	}
	return figure{unit, m, ""}
}

func (n *naive) parent(unit, day string) (above string) {
	first := true
	for _, m := range n.moves {
		if m.unit == unit && (first || m.day <= day) {
			above, first = m.above, false
		}
	}
	return above
}

// placed says whether a unit has a place in the tree.
func (n *naive) placed(unit string) bool {
	return slices.ContainsFunc(n.moves, func(m move) bool { return m.unit == unit })
}

// within says whether a unit lay at or beneath another at the end of a day.
func (n *naive) within(unit, top, day string) bool {
	for ; unit != ""; unit = n.parent(unit, day) {
		if unit == top {
			return true
		}
	}
	return false
}

func (l *life) now() *rectificationv1.Problem { return l.versions[len(l.versions)-1].is }

// at is the problem at the end of a day.
func (l *life) at(day string) (is *rectificationv1.Problem) {
	for _, v := range l.versions {
		if v.day <= day {
			is = v.is
		}
	}
	return is
}

// days are those on which a problem as it is counts in a flow.
func (l *life) days(p *rectificationv1.Problem, m aggregation.Metric) []string {
	switch {
	case p == nil:
		return nil
	case m == aggregation.ProblemsFound && p.GetState() != rectificationv1.Problem_STATE_CANCELLED:
		return []string{civil(p.GetCreateTime().AsTime())}
	case m == aggregation.ProblemsClosed && p.GetState() == rectificationv1.Problem_STATE_CLOSED:
		return []string{civil(p.GetCloseTime().AsTime())}
	case m == aggregation.ProblemsReturned:
		return l.returned
	case m == aggregation.ProblemsCancelled:
		return l.cancelled
	}
	return nil
}

// open says whether a problem is, and in the stage that the metric counts.
func open(p *rectificationv1.Problem, m aggregation.Metric) bool {
	switch p.GetState() {
	case rectificationv1.Problem_STATE_CLOSED, rectificationv1.Problem_STATE_CANCELLED:
		return false
	case rectificationv1.Problem_STATE_RECTIFYING, rectificationv1.Problem_STATE_RETURNED, rectificationv1.Problem_STATE_REOPENED:
		return p != nil
	}
	return p != nil && m != aggregation.ProblemsRectifying
}

// change notes what became of a problem, and since when its unit has some.
func (n *naive) change(p *rectificationv1.Problem, name, day string) {
	l := n.problems[name]
	if l == nil {
		l = &life{}
		n.problems[name] = l
	}
	if p == nil {
		l.returned = nil
	}
	for len(l.returned) < int(p.GetReturns()) {
		l.returned = append(l.returned, day)
	}
	if p.GetState() != rectificationv1.Problem_STATE_CANCELLED {
		l.cancelled = nil
	} else if l.cancelled == nil {
		l.cancelled = []string{day}
	}
	l.versions = append(l.versions, version{day, p})
	if p.GetAccepted() && n.since[p.GetUnit()] == "" {
		n.since[p.GetUnit()] = max(day, n.until[p.GetUnit()])
	}
}

// enter notes a row of an accepted report, if it counts: nobody else has the
// figure, and nothing that it does not supersede was said of it.
func (n *naive) enter(r reported.Figure) (counts bool) {
	f := figureOf(r.Cell.Unit, r.Metric, month(r))
	since := n.since[f.unit]
	switch held := n.holders[f]; {
	case held != "" && held != r.Source || held == "" && n.fed(f):
		return false
	case since != "" && monthEnd(month(r)) >= since && (f.month == "" || held == ""):
		return false
	}
	at := n.sayer(r)
	switch {
	case at < 0:
		n.reports = append(n.reports, r)
	case n.reports[at].Sequence == r.Supersedes && r.Supersedes != r.Sequence:
		n.reports[at] = r
	default:
		return false
	}
	n.holders[f] = r.Source
	if f.month == "" {
		n.until[f.unit] = max(n.until[f.unit], dayAfter(month(r)))
		n.told[f.unit] = min(cmp.Or(n.told[f.unit], "9999"), monthEnd(month(r)))
	}
	return true
}

// withdraw forgets what a report said. Its source keeps the figure, but for a stock of
// which nothing is left.
func (n *naive) withdraw(r reported.Figure) {
	f, at := figureOf(r.Cell.Unit, r.Metric, month(r)), n.sayer(r)
	if at < 0 || n.holders[f] != r.Source || n.reports[at].Sequence != r.Sequence {
		return
	}
	n.reports = slices.Delete(n.reports, at, at+1)
	if f.month == "" && !slices.ContainsFunc(n.reports, func(o reported.Figure) bool { return o.Cell.Unit == f.unit && o.Metric == f.metric }) {
		delete(n.holders, f)
	}
}

// sayer is the report that counts for the figure and month of r, or -1.
func (n *naive) sayer(r reported.Figure) int {
	return slices.IndexFunc(n.reports, func(o reported.Figure) bool {
		return o.Cell == r.Cell && o.Metric == r.Metric && month(o) == month(r)
	})
}

func month(r reported.Figure) string { return r.Months[0] }

// flows are the metrics of problems that come on a day, as far as these histories have them.
var flows = []aggregation.Metric{aggregation.ProblemsFound, aggregation.ProblemsClosed, aggregation.ProblemsReturned, aggregation.ProblemsCancelled}

// fed says whether accepted problems count in any flow of a month.
func (n *naive) fed(f figure) bool {
	return slices.ContainsFunc(n.lives(), func(l *life) bool {
		if f.month == "" || !l.now().GetAccepted() || l.now().GetUnit() != f.unit {
			return false
		}
		return slices.ContainsFunc(flows, func(m aggregation.Metric) bool {
			return slices.ContainsFunc(l.days(l.now(), m), func(day string) bool { return day[:7] == f.month })
		})
	})
}

func (n *naive) lives() (all []*life) {
	for _, l := range n.problems {
		all = append(all, l)
	}
	return all
}

// value answers a question.
func (n *naive) value(q figures.Query, m aggregation.Metric) (sum int64) {
	for _, l := range n.problems {
		sum += n.ofProblem(q, m, l)
	}
	end := q.End
	if m == aggregation.ProblemsOverdue {
		end = q.Today
	}
	for _, r := range n.latest(end) {
		if r.Metric == m && wanted(q, r.Cell, true) {
			sum += n.ofReport(q, r, end)
		}
	}
	if m == aggregation.UnitsReporting && q.Campaign == "" && q.Source == "" {
		sum += n.reporting(q)
	}
	if m == aggregation.ItemsMissing && q.Category == "" && q.Source == "" {
		sum += int64(len(n.owed(q)))
	}
	return sum
}

// reporting counts the units of which reports tell at the end, and no problems of their own.
func (n *naive) reporting(q figures.Query) (sum int64) {
	for unit, first := range n.told {
		if since := n.since[unit]; first <= q.End && (since == "" || q.End < since) && n.within(unit, q.Unit, q.End) {
			sum++
		}
	}
	return sum
}

func (n *naive) ofProblem(q figures.Query, m aggregation.Metric, l *life) (sum int64) {
	reported := func(p *rectificationv1.Problem, day string) bool {
		switch {
		case !p.GetAccepted():
			return false
		case m == aggregation.ProblemsRectifying:
			return day < n.since[p.GetUnit()]
		}
		return m != aggregation.ProblemsOverdue && n.holders[figureOf(p.GetUnit(), m, day)] != ""
	}
	add := func(p *rectificationv1.Problem, day, treeDay string) {
		if n.asked(q, p) && n.within(p.GetUnit(), q.Unit, treeDay) && !reported(p, day) {
			sum++
		}
	}
	switch now := l.now(); m {
	case aggregation.ProblemsOpen, aggregation.ProblemsRectifying:
		if p := l.at(q.End); open(p, m) {
			add(p, q.End, q.End)
		}
	case aggregation.ProblemsOverdue:
		if open(now, m) && now.GetDeadline() != "" && now.GetDeadline() < q.Today {
			add(now, now.GetDeadline(), "9999")
		}
	default:
		for _, day := range l.days(now, m) {
			if q.Start <= day && day <= q.End {
				add(now, day, day)
			}
		}
	}
	return sum
}

// asked says whether a problem is in the part that q asks for.
func (n *naive) asked(q figures.Query, p *rectificationv1.Problem) bool {
	is := aggregation.Cell{
		Unit: p.GetUnit(), Campaign: p.GetCampaign(), Category: p.GetCategory(), Source: strings.TrimPrefix(p.GetSource().String(), "SOURCE_"),
	}
	if p.AcceptedContent != nil {
		is.Category = p.AcceptedContent.Category
	}
	return wanted(q, is, p.GetAccepted())
}

func wanted(q figures.Query, c aggregation.Cell, accepted bool) bool {
	is := func(asked, value string) bool { return asked == "" || asked == value }
	seen := accepted || q.Own && c.Unit == q.Unit || q.Beneath && c.Unit != q.Unit
	return seen && is(q.Campaign, c.Campaign) && is(q.Category, c.Category) && is(q.Source, c.Source)
}

// latest are the reported figures that say what is so at the end of a day: of
// each month the newest, of what stands that of the newest month.
func (n *naive) latest(day string) (all []reported.Figure) {
	for _, r := range n.reports {
		flow := r.Metric == aggregation.ProblemsFound || r.Metric == aggregation.ProblemsClosed
		newer := func(o reported.Figure) bool {
			return o.Cell == r.Cell && o.Metric == r.Metric && (month(o) == month(r) || !flow && month(o) < month(r))
		}
		older := func(o reported.Figure) bool {
			return o.Cell == r.Cell && o.Metric == r.Metric && !flow && month(o) > month(r)
		}
		if monthEnd(month(r)) > day || slices.ContainsFunc(all, older) {
			continue
		}
		all = append(slices.DeleteFunc(all, newer), r)
	}
	return all
}

// ofReport is how much a report says of a day; of what stands, no longer once the
// unit has problems of its own.
func (n *naive) ofReport(q figures.Query, r reported.Figure, day string) int64 {
	if r.Metric == aggregation.ProblemsFound || r.Metric == aggregation.ProblemsClosed {
		if day = monthEnd(month(r)); day < q.Start {
			return 0
		}
	} else if since := n.since[r.Cell.Unit]; since != "" && since <= day {
		return 0
	}
	if !n.within(r.Cell.Unit, q.Unit, day) {
		return 0
	}
	return r.Value
}

// owed are the ledgers that should have been filed, the oldest first.
func (n *naive) owed(q figures.Query) (all []figures.Owed) {
	for name, l := range n.ledgers {
		late := l.GetVersion() == 0 && l.GetFilingDueDate() != "" && l.GetFilingDueDate() < q.Today
		if late && (q.Campaign == "" || q.Campaign == l.GetCampaign()) && n.within(l.GetUnit(), q.Unit, "9999") {
			all = append(all, figures.Owed{Unit: l.GetUnit(), Subject: name, Due: l.GetFilingDueDate()})
		}
	}
	slices.SortFunc(all, func(a, b figures.Owed) int { return strings.Compare(a.Due+a.Subject, b.Due+b.Subject) })
	return all
}

// ended is how much stood by reports at units that have problems of their own since.
func (n *naive) ended(q figures.Query) map[ended.Ended]int64 {
	all := map[ended.Ended]int64{}
	for _, r := range n.latest("9999") {
		day, last := n.since[r.Cell.Unit], q.End
		if r.Metric == aggregation.ProblemsOverdue {
			last = q.Today
		}
		stock := r.Metric == aggregation.ProblemsOverdue || r.Metric == aggregation.ProblemsRectifying
		if stock && r.Value != 0 && day != "" && q.Start <= day && day <= last && n.within(r.Cell.Unit, q.Unit, "9999") && wanted(q, r.Cell, true) {
			all[ended.Ended{Day: day, Unit: r.Cell.Unit, Metric: r.Metric}] += r.Value
		}
	}
	return all
}

func civil(t time.Time) string { return t.Add(8 * time.Hour).UTC().Format(time.DateOnly) }

func dayAfter(month string) string {
	t, _ := time.Parse("2006-01", month)
	return t.AddDate(0, 1, 0).Format(time.DateOnly)
}

func monthEnd(month string) string {
	t, _ := time.Parse("2006-01", month)
	return t.AddDate(0, 1, 0).Add(-time.Hour).Format(time.DateOnly)
}
