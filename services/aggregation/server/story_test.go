package server_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// settled waits until all that the services' feeds say is counted, and answers
// the root's status then.
func (s *scene) settled() *aggregationv1.Status {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), 30*time.Second)
	defer cancel()
	sizes := map[string]uint64{}
	status := s.status(s.reviewer.Key, s.Root, nil)
	for _, f := range status.GetFreshness() {
		cp, err := feedv1.NewFeedServiceClient(s.As(s.Auditor)).GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + f.GetService()})
		if err != nil {
			s.T.Fatal(err)
		}
		sizes[f.GetService()] = cp.GetSize()
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !counted(status, sizes) {
		select {
		case <-tick.C:
			status = s.status(s.reviewer.Key, s.Root, nil)
		case <-ctx.Done():
			s.T.Fatalf("not all is counted: %v", status.GetFreshness())
		}
	}
	return status
}

func counted(status *aggregationv1.Status, sizes map[string]uint64) bool {
	for _, f := range status.GetFreshness() {
		if f.GetCursor() < sizes[f.GetService()] || !f.GetCurrent() {
			return false
		}
	}
	return true
}

// problems enters one that the school found itself and one that a superior did.
func (s *scene) problems(clerk suitetest.Person) {
	s.T.Helper()
	complaint := rectificationv1.NewRectificationServiceClient(s.Conn("complaint"))
	l, err := complaint.EnsureLedger(s.T.Context(), &rectificationv1.EnsureLedgerRequest{Unit: s.school})
	if err != nil {
		s.T.Fatal(err)
	}
	for key, source := range map[string]rectificationv1.Problem_Source{
		clerk.Key: rectificationv1.Problem_SOURCE_SELF_CHECK, s.eye.Key: rectificationv1.Problem_SOURCE_SUPERIOR,
	} {
		_, err := s.Rectification(key).CreateProblem(s.T.Context(), &rectificationv1.CreateProblemRequest{
			Parent: l.GetName(), Problem: &rectificationv1.Problem{
				Source: source, Level: rectificationv1.Problem_LEVEL_UNIT, Description: "演示问题", Deadline: "2026-03-01",
			},
		})
		if err != nil {
			s.T.Fatal(err)
		}
	}
}

// What one service writes is in every superior's figures, moves with its unit,
// falls overdue by the clock alone, and bars reports of the same figure.
func TestWhatServicesWriteIsCounted(t *testing.T) {
	s := newScene(t)
	clerk := s.Person(s.school, accessv1.Role_ROLE_CLERK)
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.problems(clerk)

	status := s.settled()
	wantFigure(t, status.GetFigures(), "problems_found", 1)
	if status.GetProvisional() || status.GetUnacceptedIncluded() || !status.GetOwnUnacceptedIncluded() {
		t.Errorf("status = %v", status)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.school, nil).GetFigures(), "problems_found", 1)
	wantFigure(t, s.status(s.reviewer.Key, s.Root, &aggregationv1.Cut{IncludeUnaccepted: true}).GetFigures(), "problems_open", 2)
	wantFigure(t, s.status(s.head.Key, s.school, nil).GetFigures(), "problems_found", 2)
	for _, source := range []string{"SUPERIOR", "SOURCE_SUPERIOR"} {
		wantFigure(t, s.status(s.reviewer.Key, s.Root, &aggregationv1.Cut{Source: source}).GetFigures(), "problems_found", 1)
	}

	s.SetTime(suitetest.Start.AddDate(0, 1, 0))
	if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: s.school, Parent: next}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	for unit, want := range map[string][3]int64{s.district: {1, 0, 0}, next: {0, 1, 1}, s.Root: {1, 1, 1}} {
		list := s.status(s.reviewer.Key, unit, nil).GetFigures()
		wantFigure(t, list, "problems_found", want[0])
		wantFigure(t, list, "problems_open", want[1])
		wantFigure(t, list, "problems_overdue", want[2])
	}

	machine := s.Machine(s.school, accessv1.Role_ROLE_REPORTER)
	r := s.report(1, row(s.school, "found", 9))
	r.Unit, r.Period = s.school, "2026-02"
	taken, err := s.Aggregation(machine.Key).CreateReport(t.Context(), &aggregationv1.CreateReportRequest{Report: r})
	if err != nil || taken.GetRows()[0].GetReason() != reports.ErrFigureTaken.Reason {
		t.Errorf("a report beside the feed = %v, %v", taken, err)
	}
	s.settled()
	s.Stop()
	if err := recounted(t, s.Suite); err != nil {
		t.Error(err)
	}
}

// A report that says of one month that nothing is overdue hides nothing of what a
// unit has overdue later by its own records; who has none is known by the last report.
func TestAReportHidesNoLaterRecords(t *testing.T) {
	s := newScene(t)
	clerk := s.Person(s.school, accessv1.Role_ROLE_CLERK)
	r := s.sent(s.report(1, row(s.school, "overdue", 0), row(s.school, "rectifying", 7), row(s.other, "overdue", 4)))
	s.finished(r.GetName())
	s.accepted(r.GetName())
	want := func(when, unit string, cut *aggregationv1.Cut, overdue, rectifying int64) {
		t.Helper()
		list := s.status(s.reviewer.Key, unit, cut).GetFigures()
		if got := [2]int64{figure(list, "problems_overdue").GetValue(), figure(list, "problems_rectifying").GetValue()}; got != [2]int64{overdue, rectifying} {
			t.Errorf("%s %s has %v overdue and being rectified, want %v", when, unit, got, [2]int64{overdue, rectifying})
		}
	}
	before := timestamppb.New(suitetest.Start.Add(time.Hour))
	want("by the report", s.school, nil, 0, 7)
	s.SetTime(suitetest.Start.AddDate(0, 0, 1))
	s.problems(clerk)
	s.settled()
	want("since it has problems of its own", s.school, nil, 0, 0)
	want("by the report", s.Root, &aggregationv1.Cut{EndDate: "2026-01-31"}, 4, 7)
	s.SetTime(suitetest.Start.AddDate(0, 2, 0))
	want("past the deadline", s.school, nil, 1, 0)
	want("past the deadline", s.Root, nil, 5, 0)
	want("past the deadline, with all", s.Root, &aggregationv1.Cut{IncludeUnaccepted: true}, 6, 0)
	want("as of before", s.Root, &aggregationv1.Cut{AsOf: before}, 4, 7)
	if items := s.worklist(clerk.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.school, Filter: "light = RED"}); len(items) != 2 {
		t.Errorf("the worklist has %v, want both problems in red", items)
	}
	series, err := s.Aggregation(s.reviewer.Key).GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
		Name: s.Root, Metric: "metrics/problems_rectifying", Cut: &aggregationv1.Cut{StartDate: "2026-01-30", EndDate: "2026-02-11"},
		Bucket: aggregationv1.GetStatusSeriesRequest_BUCKET_DAY,
	})
	var points []int64
	for _, p := range series.GetPoints() {
		points = append(points, p.GetFigure().GetValue())
	}
	if w := []int64{0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0}; err != nil || !slices.Equal(points, w) {
		t.Errorf("the series is %v, %v, want %v", points, err, w)
	}

	r = s.report(2, row(s.school, "overdue", 0), row(s.other, "overdue", 3))
	r.Period = "2026-02"
	r = s.sent(r)
	list, err := s.Aggregation(s.machine.Key).ListReportRows(t.Context(), &aggregationv1.ListReportRowsRequest{Parent: r.GetName()})
	if err != nil || list.GetRows()[0].GetReason() != reports.ErrFigureTaken.Reason || list.GetRows()[1].GetReason() != "" {
		t.Errorf("the next report's rows = %v, %v", list, err)
	}
	s.accepted(r.GetName())
	want("after the next report", s.Root, nil, 4, 0)
	s.Stop()
	if err := recounted(t, s.Suite); err != nil {
		t.Error(err)
	}
}

// recounted counts anew what a stopped suite has.
func recounted(t *testing.T, s *suitetest.Suite) error {
	stores := map[string]store.Engine{}
	for _, name := range services {
		engine, err := bolt.Open(s.Store(name), bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		stores[name] = engine
	}
	f, err := recount.Count(t.Context(), stores["aggregation"], recount.Sources("", stores))
	if err != nil {
		return err
	}
	return stores["aggregation"].View(t.Context(), f.Compare)
}
