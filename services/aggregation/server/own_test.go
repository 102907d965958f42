package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// reporter is the district, of which reports tell, and that has a ledger here.
type reporter struct {
	*scene
	clerk  suitetest.Person
	ledger string
	sent   int64
}

func newReporter(t *testing.T) *reporter {
	r := &reporter{scene: newScene(t)}
	r.clerk = r.Person(r.district, accessv1.Role_ROLE_CLERK)
	complaint := rectificationv1.NewRectificationServiceClient(r.Conn("complaint"))
	r.ledger = suitetest.OK[*rectificationv1.Ledger](t)(complaint.EnsureLedger(t.Context(), &rectificationv1.EnsureLedgerRequest{Unit: r.district})).GetName()
	return r
}

// tells sends and accepts what a report says of the district in a month, and answers
// with the reasons for which rows do not count.
func (r *reporter) tells(period string, rows ...*aggregationv1.Report_Row) (reasons []string) {
	r.T.Helper()
	r.sent++
	report := r.scene.report(r.sent, rows...)
	report.Period = period
	for _, row := range r.accepted(r.scene.sent(report).GetName()).GetRows() {
		reasons = append(reasons, row.GetReason())
	}
	return reasons
}

// finds enters a problem in the district's ledger.
func (r *reporter) finds(key string, source rectificationv1.Problem_Source) {
	r.T.Helper()
	suitetest.OK[*rectificationv1.Problem](r.T)(r.Rectification(key).CreateProblem(r.T.Context(), &rectificationv1.CreateProblemRequest{
		Parent: r.ledger, Problem: &rectificationv1.Problem{Source: source, Level: rectificationv1.Problem_LEVEL_UNIT, Description: "演示问题"},
	}))
	r.settled()
}

// counts holds the root's figures by default, of problems found, closed, being rectified
// and overdue, against what they should be.
func (r *reporter) counts(when string, want [4]int64) {
	r.T.Helper()
	var got [4]int64
	list := r.status(r.reviewer.Key, r.Root, nil).GetFigures()
	for i, id := range []string{"problems_found", "problems_closed", "problems_rectifying", "problems_overdue"} {
		got[i] = figure(list, id).GetValue()
	}
	if got != want {
		r.T.Errorf("%s the root has %d found, closed, being rectified and overdue, want %d", when, got, want)
	}
}

func (r *reporter) refused(what string, got []string, want ...string) {
	r.T.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.T.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const (
	selfCheck = rectificationv1.Problem_SOURCE_SELF_CHECK
	superior  = rectificationv1.Problem_SOURCE_SUPERIOR
)

// What a unit's own clerk enters, and nobody above has accepted, ends nothing that
// reports told, and takes no month from them: only the unit sees it.
func TestWhatIsNotAcceptedTakesNothingFromReports(t *testing.T) {
	r := newReporter(t)
	r.refused("January", r.tells("2026-01", row(r.district, "rectifying", 41), row(r.district, "overdue", 17)), "", "")
	r.SetTime(suitetest.Start.AddDate(0, 0, 1))
	r.finds(r.clerk.Key, selfCheck)
	r.counts("after an entry of its own clerk", [4]int64{0, 0, 41, 17})
	wantFigure(t, r.status(r.clerk.Key, r.district, nil).GetFigures(), "problems_found", 1)
	r.SetTime(suitetest.Start.AddDate(0, 1, 0))
	february := []*aggregationv1.Report_Row{row(r.district, "found", 5), row(r.district, "rectifying", 40), row(r.district, "overdue", 16)}
	r.refused("February", r.tells("2026-02", february...), "", "", "")
	r.counts("after the next report", [4]int64{5, 0, 40, 16})
	if changes := r.status(r.reviewer.Key, r.Root, nil).GetSourceChanges(); len(changes) > 0 {
		t.Errorf("the source has changed: %v", changes)
	}
	r.recounted()
}

// From the month in which a unit keeps records of its own, what came is told by these,
// also where they say nothing came; but for months that a counted report has.
func TestFlowsAreTheFeedsOnceAUnitKeepsRecords(t *testing.T) {
	r := newReporter(t)
	taken := reports.ErrFigureTaken.Reason
	r.refused("January", r.tells("2026-01", row(r.district, "found", 9)), "")
	r.SetTime(suitetest.Start.AddDate(0, 0, 1))
	r.finds(r.reviewer.Key, superior)
	r.SetTime(suitetest.Start.AddDate(0, 2, 0))
	r.refused("of the month in which they begin", r.tells("2026-02", row(r.district, "closed", 5), row(r.school, "closed", 2)), taken, "")
	r.refused("of a later month", r.tells("2026-03", row(r.district, "closed", 5)), taken)
	r.refused("of a month before", r.tells("2026-01", row(r.district, "closed", 4)), "")
	r.counts("in the end, the superior's finding being overdue after thirty days", [4]int64{10, 6, 0, 1})
	r.recounted()
}

// That records begin to tell what reports told is shown to whoever may see the unit from
// within, and to nobody beside it.
func TestAStatusShowsWhatItsSourceChanged(t *testing.T) {
	r := newReporter(t)
	r.refused("January", r.tells("2026-01", row(r.district, "rectifying", 41), row(r.district, "overdue", 17), row(r.school, "rectifying", 3)), "", "", "")
	before, portal := timestamppb.New(suitetest.Start), r.portals()[0]
	r.SetTime(suitetest.Start.AddDate(0, 0, 1))
	r.finds(r.reviewer.Key, superior)
	r.counts("since a superior entered a problem", [4]int64{1, 0, 3, 0})
	day := suitetest.Start.AddDate(0, 0, 1).Format("2006-01-02")
	change := func(metric string, n int64) *aggregationv1.SourceChange {
		return &aggregationv1.SourceChange{Unit: r.district, Metric: "metrics/" + metric, Date: day, Value: n}
	}
	both := []*aggregationv1.SourceChange{change("problems_rectifying", 41), change("problems_overdue", 17)}
	for i, c := range []struct {
		key, unit string
		cut       *aggregationv1.Cut
		want      []*aggregationv1.SourceChange
	}{
		{r.reviewer.Key, r.Root, nil, both},
		{r.clerk.Key, r.district, nil, both},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{EndDate: "2026-01-31"}, both[1:]}, // what is overdue is as of today
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{Source: "SUPERIOR"}, nil},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{AsOf: before}, nil},
		{r.head.Key, r.school, nil, nil},
		{portal, r.Root, nil, nil},
	} {
		status := r.status(c.key, c.unit, c.cut)
		if diff := cmp.Diff(c.want, status.GetSourceChanges(), protocmp.Transform()); diff != "" || status.GetSourceChangesTruncated() {
			t.Errorf("%d (-want +got):\n%s", i, diff)
		}
	}
	file := r.exported(&aggregationv1.ExportStatusRequest{Name: r.district, Format: aggregationv1.ExportStatusRequest_FORMAT_CSV})
	says := fmt.Sprintf("metrics/problems_overdue，变更日期 (date) %s，原报送值 (value) 17", day)
	if got := file["数据来源变更 (source_changes) "+r.district]; got != says {
		t.Errorf("the file says %q, want %q", got, says)
	}
	r.recounted()
}
