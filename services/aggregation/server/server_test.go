package server_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// scene is a suite with a district, two schools and those who report and review.
type scene struct {
	*suitetest.Suite
	district, school, other      string
	machine, head, reviewer, eye suitetest.Person
}

func newScene(t testing.TB) *scene { return newSceneIn(t, t.TempDir()) }

// newSceneIn is a scene whose data lie in folder.
func newSceneIn(t testing.TB, folder string) *scene {
	return newSceneOn(suitetest.RunNew(t, folder))
}

func newSceneOn(suite *suitetest.Suite) *scene {
	s := &scene{Suite: suite}
	s.district = s.Unit("d", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.school = s.Unit("s1", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.other = s.Unit("s2", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.machine = s.Machine(s.district, accessv1.Role_ROLE_REPORTER)
	s.head = s.Person(s.school, accessv1.Role_ROLE_HEAD)
	s.reviewer = s.Person(s.Root, accessv1.Role_ROLE_SUPERVISOR)
	s.eye = s.Person(s.district, accessv1.Role_ROLE_SUPERVISOR)
	return s
}

// report is one that can be taken: the tests bend it.
func (s *scene) report(sequence int64, rows ...*aggregationv1.Report_Row) *aggregationv1.Report {
	return &aggregationv1.Report{
		Form: "reportForms/ledger-monthly", Unit: s.district, Period: "2026-01", Source: "eis", Sequence: sequence, Rows: rows,
	}
}

func row(unit, field string, value int64) *aggregationv1.Report_Row {
	return &aggregationv1.Report_Row{Unit: unit, Field: field, Value: value}
}

func (s *scene) send(r *aggregationv1.Report) (*aggregationv1.Report, error) {
	return s.Aggregation(s.machine.Key).CreateReport(s.T.Context(), &aggregationv1.CreateReportRequest{Report: r})
}

func (s *scene) sent(r *aggregationv1.Report) *aggregationv1.Report {
	s.T.Helper()
	taken, err := s.send(r)
	if err != nil {
		s.T.Fatal(err)
	}
	return taken
}

func (s *scene) accepted(name string) *aggregationv1.Report {
	s.T.Helper()
	r, err := s.Aggregation(s.reviewer.Key).AcceptReport(s.T.Context(), &aggregationv1.AcceptReportRequest{Name: name})
	if err != nil {
		s.T.Fatal(err)
	}
	return r
}

func (s *scene) status(key, unit string, cut *aggregationv1.Cut) *aggregationv1.Status {
	s.T.Helper()
	status, err := s.Aggregation(key).GetStatus(s.T.Context(), &aggregationv1.GetStatusRequest{Name: unit, Cut: cut})
	if err != nil {
		s.T.Fatal(err)
	}
	return status
}

func figure(list []*aggregationv1.Figure, id string) *aggregationv1.Figure {
	for _, f := range list {
		if f.GetMetric() == "metrics/"+id {
			return f
		}
	}
	return &aggregationv1.Figure{}
}

func wantFigure(t *testing.T, list []*aggregationv1.Figure, id string, want int64) {
	t.Helper()
	if got := figure(list, id).GetValue(); got != want {
		t.Errorf("%s = %d, want %d", id, got, want)
	}
}

func TestAReportCountsOnceAccepted(t *testing.T) {
	s := newScene(t)
	r := s.sent(s.report(1, row(s.school, "found", 8), row(s.school, "closed", 6), row(s.other, "rectifying", 3), row(s.other, "overdue", 2)))
	for _, row := range r.GetRows() {
		if row.GetVerdict() != aggregationv1.Report_VERDICT_CREATED {
			t.Errorf("row = %v", row)
		}
	}
	wantFigure(t, s.status(s.reviewer.Key, s.Root, nil).GetFigures(), "problems_found", 0)
	s.accepted(r.GetName())
	for _, unit := range []string{s.Root, s.district} {
		status := s.status(s.reviewer.Key, unit, nil)
		wantFigure(t, status.GetFigures(), "problems_found", 8)
		wantFigure(t, status.GetFigures(), "problems_rectifying", 3)
		wantFigure(t, status.GetFigures(), "problems_overdue", 2)
		wantFigure(t, status.GetFigures(), "problems_closing_rate", 750)
	}
	status := s.status(s.eye.Key, s.district, &aggregationv1.Cut{StartDate: "2026-02-01"})
	wantFigure(t, status.GetFigures(), "problems_found", 0)
	wantFigure(t, status.GetFigures(), "problems_rectifying", 3)
	if len(status.GetChildren()) != 2 || status.GetChildren()[1].GetUnit() != s.other {
		t.Fatalf("children = %v", status.GetChildren())
	}
	wantFigure(t, status.GetChildren()[1].GetFigures(), "problems_overdue", 2)
}

func TestAReportIsTakenOnce(t *testing.T) {
	s := newScene(t)
	first := s.sent(s.report(3, row(s.school, "found", 8)))
	if again := s.sent(s.report(3, row(s.school, "found", 8))); !proto.Equal(first, again) {
		t.Errorf("the same report again = %v, want %v", again, first)
	}
	if _, err := s.send(s.report(3, row(s.school, "found", 9))); !errors.Is(err, reports.ErrSequenceReused) {
		t.Errorf("another report under the sequence = %v", err)
	}
	list, err := s.Aggregation(s.reviewer.Key).ListReportSources(t.Context(), &aggregationv1.ListReportSourcesRequest{Unit: s.district, Filter: "missing_total > 0"})
	if err != nil || len(list.GetReportSources()) != 1 {
		t.Fatalf("sources = %v, %v", list, err)
	}
	source := list.GetReportSources()[0]
	if g := source.GetMissingSequences(); len(g) != 1 || g[0].GetFirst() != 1 || g[0].GetLast() != 2 || source.GetMissingTotal() != 2 {
		t.Errorf("missing = %v", source)
	}
	got, err := s.Aggregation(s.eye.Key).GetReportSource(t.Context(), &aggregationv1.GetReportSourceRequest{Name: source.GetName()})
	if err != nil || !proto.Equal(got, source) {
		t.Errorf("source = %v, %v", got, err)
	}
}

func TestReportsThatCannotBeTaken(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		bend func(*aggregationv1.Report)
		want error
	}{
		"form":   {func(r *aggregationv1.Report) { r.Form = "reportForms/none" }, reports.ErrFormUnknown},
		"open":   {func(r *aggregationv1.Report) { r.Period = "2026-02" }, reports.ErrPeriodOpen},
		"empty":  {func(r *aggregationv1.Report) { r.Rows = nil }, reports.ErrNilOrRows},
		"both":   {func(r *aggregationv1.Report) { r.NilReport = true }, reports.ErrNilOrRows},
		"unit":   {func(r *aggregationv1.Report) { r.Unit = s.school }, authz.ErrDenied},
		"unseen": {func(r *aggregationv1.Report) { r.Unit = "units/none" }, authz.ErrNotFound},
		"month":  {func(r *aggregationv1.Report) { r.Period = "2026-13" }, change.ErrFields},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.report(1, row(s.school, "found", 1))
			c.bend(r)
			if _, err := s.send(r); !errors.Is(err, c.want) {
				t.Errorf("= %v, want %v", err, c.want)
			}
		})
	}
	if _, err := s.Aggregation(s.head.Key).CreateReport(t.Context(), &aggregationv1.CreateReportRequest{Report: s.report(1, row(s.school, "found", 1))}); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("a head reports = %v", err)
	}
}

func TestRowsHaveVerdicts(t *testing.T) {
	s := newScene(t)
	s.coded(s.school, "school", "4205020001", "gbt2260", "420502")
	s.coded(s.other, "gbt2260", "420502")
	r := s.sent(s.report(1,
		&aggregationv1.Report_Row{Scheme: "school", Code: "4205020001", Field: "found", Value: 1},
		&aggregationv1.Report_Row{Scheme: "gbt2260", Code: "420502", Field: "found", Value: 1},
		&aggregationv1.Report_Row{Scheme: "school", Code: "0", Field: "found", Value: 1},
		row(s.Root, "found", 1),
		row(s.other, "lost", 1),
		row(s.other, "found", -1),
		&aggregationv1.Report_Row{Unit: s.other, Field: "found", Category: "c", Value: 1},
		row(s.school, "found", 2),
	))
	for i, want := range []*fault.Fault{
		nil, reports.ErrCodeAmbiguous, reports.ErrRowUnitUnknown, reports.ErrRowUnitUnknown, reports.ErrFieldUnknown,
		reports.ErrValueOutOfRange, reports.ErrCampaignInvalid, reports.ErrRowTwice,
	} {
		got := r.GetRows()[i]
		switch {
		case want == nil:
			if got.GetVerdict() != aggregationv1.Report_VERDICT_CREATED || got.GetResolvedUnit() != s.school {
				t.Errorf("row %d = %v", i, got)
			}
		case got.GetVerdict() != refusal(want), got.GetReason() != want.Reason, got.GetColumn() == "", got.GetMessageZh() == "", got.GetMessageEn() == "":
			t.Errorf("row %d = %v, want %s", i, got, want.Reason)
		}
	}
	s.accepted(r.GetName())
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 1)
}

// refusal is the verdict of a row with that fault.
func refusal(f *fault.Fault) aggregationv1.Report_Verdict {
	if f == reports.ErrCodeAmbiguous || f == reports.ErrRowUnitUnknown {
		return aggregationv1.Report_VERDICT_QUARANTINED
	}
	return aggregationv1.Report_VERDICT_REJECTED
}

// coded gives a unit codes in pairs of scheme and value, whoever has them too.
func (s *scene) coded(unit string, pairs ...string) {
	s.T.Helper()
	u := &organizationv1.Unit{Name: unit, DisplayName: "学校", Kind: organizationv1.Unit_KIND_SCHOOL}
	for i := 0; i < len(pairs); i += 2 {
		u.Codes = append(u.Codes, &organizationv1.Code{Scheme: pairs[i], Value: pairs[i+1]})
	}
	if _, err := s.Organization(s.SystemAdmin).UpdateUnit(s.T.Context(), &organizationv1.UpdateUnitRequest{Unit: u, ShareCodes: true}); err != nil {
		s.T.Fatal(err)
	}
}

func TestAFigureHasOneSource(t *testing.T) {
	s := newScene(t)
	first, second := s.report(1, row(s.school, "found", 5)), s.report(1, row(s.school, "found", 7))
	second.Source = "other"
	a, b := s.sent(first), s.sent(second)
	if b.GetRows()[0].GetVerdict() != aggregationv1.Report_VERDICT_CREATED {
		t.Errorf("before either is accepted: %v", b.GetRows()[0])
	}
	s.accepted(a.GetName())
	late := s.accepted(b.GetName()).GetRows()[0]
	if late.GetVerdict() != aggregationv1.Report_VERDICT_CONFLICT || late.GetReason() != reports.ErrFigureTaken.Reason {
		t.Errorf("the second source = %v", late)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 5)

	wrong := s.sent(s.report(3, row(s.school, "found", 6), row(s.other, "found", 0)))
	if got := s.accepted(wrong.GetName()).GetRows()[0]; got.GetReason() != reports.ErrFigureLocked.Reason {
		t.Errorf("changing what is locked = %v", got)
	}
	better := s.report(4, row(s.school, "found", 6))
	better.Supersedes = a.GetName()
	if got := s.accepted(s.sent(better).GetName()).GetRows()[0].GetVerdict(); got != aggregationv1.Report_VERDICT_UPDATED {
		t.Errorf("a correction = %v", got)
	}
	older := s.sent(s.report(2, row(s.school, "found", 4)))
	if got := s.accepted(older.GetName()).GetRows()[0]; got.GetReason() != reports.ErrSuperseded.Reason {
		t.Errorf("an older report = %v", got)
	}
	same := s.sent(s.report(5, row(s.school, "found", 6)))
	if got := s.accepted(same.GetName()).GetRows()[0]; got.GetVerdict() != aggregationv1.Report_VERDICT_UNCHANGED || got.GetCounted() {
		t.Errorf("the same value = %v", got)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 6)
}

func TestWhatStandsCarriesOver(t *testing.T) {
	s := newScene(t)
	for i, c := range []struct {
		month string
		value int64
	}{{"2025-11", 5}, {"2026-01", 1}, {"2025-12", 9}} {
		r := s.report(int64(i+1), row(s.school, "rectifying", c.value))
		r.Period = c.month
		s.accepted(s.sent(r).GetName())
	}
	series, err := s.Aggregation(s.reviewer.Key).GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
		Name: s.Root, Metric: "metrics/problems_rectifying", Cut: &aggregationv1.Cut{StartDate: "2025-10-15"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{0, 5, 9, 1, 1}
	if len(series.GetPoints()) != len(want) {
		t.Fatalf("points = %v", series.GetPoints())
	}
	for i, p := range series.GetPoints() {
		if p.GetFigure().GetValue() != want[i] {
			t.Errorf("%s = %d, want %d", p.GetEndDate(), p.GetFigure().GetValue(), want[i])
		}
	}
}

func TestANilReportIsAReport(t *testing.T) {
	s := newScene(t)
	r := s.report(1)
	r.NilReport = true
	taken := s.accepted(s.sent(r).GetName())
	if len(taken.GetRows()) != 4 || taken.GetRows()[0].GetVerdict() != aggregationv1.Report_VERDICT_CREATED {
		t.Errorf("rows = %v", taken.GetRows())
	}
	other := s.report(1, row(s.district, "found", 1))
	other.Source = "other"
	if got := s.sent(other).GetRows()[0].GetVerdict(); got != aggregationv1.Report_VERDICT_CONFLICT {
		t.Errorf("another source after a nil report = %v", got)
	}
}

func TestReportsAreReviewedFromAbove(t *testing.T) {
	s := newScene(t)
	r := s.sent(s.report(1, row(s.school, "found", 8)))
	accept := &aggregationv1.AcceptReportRequest{Name: r.GetName()}
	if _, err := s.Aggregation(s.eye.Key).AcceptReport(t.Context(), accept); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("one's own unit accepts = %v", err)
	}
	if _, err := s.Aggregation(s.machine.Key).AcceptReport(t.Context(), accept); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("the machine accepts = %v", err)
	}
	if _, err := s.Aggregation(s.head.Key).GetReport(t.Context(), &aggregationv1.GetReportRequest{Name: r.GetName()}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a school reads the district's report = %v", err)
	}
	back, err := s.Aggregation(s.reviewer.Key).ReturnReport(t.Context(), &aggregationv1.ReturnReportRequest{Name: r.GetName(), Reason: "数据有误"})
	if err != nil || back.GetState() != aggregationv1.Report_STATE_RETURNED || back.GetReviewer() != s.reviewer.Name {
		t.Fatalf("returned = %v, %v", back, err)
	}
	if _, err := s.Aggregation(s.reviewer.Key).AcceptReport(t.Context(), accept); !errors.Is(err, reports.ErrIllegalMove) {
		t.Errorf("accepting what was returned = %v", err)
	}
	list, err := s.Aggregation(s.machine.Key).ListReports(t.Context(), &aggregationv1.ListReportsRequest{Unit: s.district, Filter: "state = RETURNED"})
	if err != nil || len(list.GetReports()) != 1 || list.GetReports()[0].GetReturnReason() != "数据有误" {
		t.Errorf("list = %v, %v", list, err)
	}
	all, err := s.Aggregation(s.head.Key).ListReports(t.Context(), &aggregationv1.ListReportsRequest{})
	if err != nil || len(all.GetReports()) != 0 {
		t.Errorf("a school lists = %v, %v", all, err)
	}
}

func TestSiblingsNeverSeeEachOther(t *testing.T) {
	s := newScene(t)
	api := s.Aggregation(s.head.Key)
	for _, unit := range []string{s.other, s.district, s.Root, "units/none"} {
		if _, err := api.GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: unit}); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("status of %s = %v", unit, err)
		}
		if _, err := api.CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{Name: unit, Metric: "metrics/problems_found"}); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("comparison of %s = %v", unit, err)
		}
		series := &aggregationv1.GetStatusSeriesRequest{Name: unit, Metric: "metrics/problems_found", Cut: &aggregationv1.Cut{StartDate: "2026-01-01"}}
		if _, err := api.GetStatusSeries(t.Context(), series); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("series of %s = %v", unit, err)
		}
	}
	if _, err := api.GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: s.school}); err != nil {
		t.Errorf("one's own = %v", err)
	}
}

func TestQuestionsThatMakeNoSense(t *testing.T) {
	s := newScene(t)
	api := s.Aggregation(s.reviewer.Key)
	status := func(cut *aggregationv1.Cut) error {
		_, err := api.GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: s.Root, Cut: cut})
		return err
	}
	series := func(metric, start string) error {
		_, err := api.GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
			Name: s.Root, Metric: metric, Cut: &aggregationv1.Cut{StartDate: start}, Bucket: aggregationv1.GetStatusSeriesRequest_BUCKET_DAY,
		})
		return err
	}
	for name, c := range map[string]struct{ got, want error }{
		"category alone": {status(&aggregationv1.Cut{Category: "c"}), aggregation.ErrCategoryAlone},
		"empty period":   {status(&aggregationv1.Cut{StartDate: "2026-02-01", EndDate: "2026-01-01"}), aggregation.ErrPeriodEmpty},
		"no such metric": {series("metrics/none", "2026-01-01"), aggregation.ErrMetricUnknown},
		"known then":     {series("metrics/problems_overdue", "2025-12-09"), aggregation.ErrSeriesTooLong},
		"no start":       {series("metrics/problems_found", ""), aggregation.ErrSeriesTooLong},
		"too many days":  {series("metrics/problems_found", "2024-01-01"), aggregation.ErrSeriesTooLong},
		"no such day":    {status(&aggregationv1.Cut{StartDate: "2026-02-30"}), change.ErrFields},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s = %v, want %v", name, c.got, c.want)
		}
	}
}

func TestRegistries(t *testing.T) {
	s := newScene(t)
	api := s.Aggregation(s.head.Key)
	metrics, err := api.ListMetrics(t.Context(), &aggregationv1.ListMetricsRequest{Filter: `service = "complaint"`, PageSize: 4})
	if err != nil || len(metrics.GetMetrics()) != 4 || metrics.GetNextPageToken() == "" {
		t.Fatalf("metrics = %v, %v", metrics, err)
	}
	m, err := api.GetMetric(t.Context(), &aggregationv1.GetMetricRequest{Name: "metrics/problems_closing_rate"})
	if err != nil || m.GetNumerator() != "metrics/problems_closed" || m.GetDenominator() != "metrics/problems_found" {
		t.Errorf("closing rate = %v, %v", m, err)
	}
	if _, err := api.GetMetric(t.Context(), &aggregationv1.GetMetricRequest{Name: "metrics/none"}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("no metric = %v", err)
	}
	forms, err := api.ListReportForms(t.Context(), &aggregationv1.ListReportFormsRequest{})
	if err != nil || len(forms.GetReportForms()) != 4 {
		t.Fatalf("forms = %v, %v", forms, err)
	}
	f, err := api.GetReportForm(t.Context(), &aggregationv1.GetReportFormRequest{Name: forms.GetReportForms()[1].GetName()})
	if err != nil || len(f.GetFields()) != 4 {
		t.Errorf("form = %v, %v", f, err)
	}
}

func TestUnitsAreRankedAmongTheirKind(t *testing.T) {
	s := newScene(t)
	third := s.Unit("s3", s.district, organizationv1.Unit_KIND_SCHOOL)
	office := s.Unit("office", s.district, organizationv1.Unit_KIND_DEPARTMENT)
	s.accepted(s.sent(s.report(1,
		row(s.school, "found", 4), row(s.school, "closed", 3), row(third, "found", 8), row(third, "closed", 6), row(office, "found", 2),
	)).GetName())
	answer, err := s.Aggregation(s.reviewer.Key).CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{Name: s.district, Metric: "metrics/problems_closing_rate"})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		unit string
		rank int32
	}{{office, 1}, {s.school, 1}, {third, 1}, {s.other, 0}}
	for i, p := range answer.GetPlaces() {
		if p.GetUnit() != want[i].unit || p.GetRank() != want[i].rank {
			t.Errorf("place %d = %v, want %v", i, p, want[i])
		}
	}
}

// TestWhoIsGoneHasNoRank: a unit that was archived or merged stands behind those that are
// ranked, from the day on, and keeps its rank of periods that ended before.
func TestWhoIsGoneHasNoRank(t *testing.T) {
	s := newScene(t)
	third := s.Unit("s3", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.accepted(s.sent(s.report(1, row(s.school, "found", 4), row(s.other, "found", 3), row(third, "found", 2))).GetName())
	before := time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC)
	s.SetTime(before.AddDate(0, 0, 3))
	org := s.Organization(s.SystemAdmin)
	if _, err := org.ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: s.school}); err != nil {
		t.Fatal(err)
	}
	if _, err := org.MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: s.other, Into: third}); err != nil {
		t.Fatal(err)
	}
	s.SetTime(before.AddDate(0, 0, 30))
	s.CatchUp()
	s.settled()
	for name, c := range map[string]struct {
		metric string
		cut    *aggregationv1.Cut
		gone   bool
	}{
		"today":                 {"problems_found", nil, true},
		"what is overdue":       {"problems_overdue", &aggregationv1.Cut{EndDate: calendar.On(before).String()}, true},
		"the period before":     {"problems_found", &aggregationv1.Cut{EndDate: calendar.On(before).String()}, false},
		"as of before":          {"problems_found", &aggregationv1.Cut{AsOf: timestamppb.New(before.AddDate(0, 0, 2))}, false},
		"in the period it went": {"problems_found", &aggregationv1.Cut{EndDate: calendar.On(before.AddDate(0, 0, 3)).String()}, true},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := s.Aggregation(s.reviewer.Key).CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{
				Name: s.district, Level: organizationv1.Unit_KIND_SCHOOL, Metric: "metrics/" + c.metric, Cut: c.cut,
			})
			if err != nil || len(answer.GetPlaces()) < 2 {
				t.Fatalf("%v, %v", answer, err)
			}
			for _, p := range answer.GetPlaces() {
				gone := c.gone && p.GetUnit() != third
				if p.GetGone() != gone || p.GetRank() == 0 != gone {
					t.Errorf("%s is gone: %v, rank %d", p.GetUnit(), p.GetGone(), p.GetRank())
				}
			}
		})
	}
}

// compared asks for a page of the district's schools by their returns.
func (s *scene) compared(size int32, token string) *aggregationv1.CompareStatusResponse {
	s.T.Helper()
	page, err := s.Aggregation(s.reviewer.Key).CompareStatus(s.T.Context(), &aggregationv1.CompareStatusRequest{
		Name: s.district, Metric: "metrics/problems_found", PageSize: size, PageToken: token,
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return page
}

func order(places []*aggregationv1.CompareStatusResponse_Place) (units []string) {
	for _, p := range places {
		units = append(units, p.GetUnit())
	}
	return units
}

// Pages of a ranking have every unit once. When figures change in between, the
// next page begins behind the figure that the page before ended with: it does
// not shift by whoever came in before.
func TestPagesOfARankingDoNotShift(t *testing.T) {
	s := newScene(t)
	schools := []string{s.school, s.other}
	for _, id := range []string{"s3", "s4", "s5"} {
		schools = append(schools, s.Unit(id, s.district, organizationv1.Unit_KIND_SCHOOL))
	}
	var rows []*aggregationv1.Report_Row
	for i, value := range []int64{10, 8, 8, 6, 0} {
		rows = append(rows, row(schools[i], "found", value))
	}
	s.accepted(s.sent(s.report(1, rows...)).GetName())

	var seen []string
	for token, i := "", 0; i == 0 || token != "" && i < len(schools); i++ {
		page := s.compared(2, token)
		seen, token = append(seen, order(page.GetPlaces())...), page.GetNextPageToken()
	}
	if !slices.Equal(seen, schools) {
		t.Errorf("the pages have %v, want %v", seen, schools)
	}

	first := s.compared(2, "")
	s.accepted(s.sent(s.report(2, row(schools[4], "found", 99))).GetName())
	if got, want := order(s.compared(2, first.GetNextPageToken()).GetPlaces()), schools[2:4]; !slices.Equal(got, want) {
		t.Errorf("behind %v come %v after the last has become the first, want %v", order(first.GetPlaces()), got, want)
	}
}
