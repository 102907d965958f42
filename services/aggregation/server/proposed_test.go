package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/suitetest"
)

var askedFor = &aggregationv1.Cut{IncludeUnaccepted: true}

// expects holds what the root has found, and being rectified, by default and as asked.
func (s *scene) expects(when string, want [4]int64) {
	s.T.Helper()
	var got [4]int64
	for i, cut := range []*aggregationv1.Cut{nil, askedFor} {
		list := s.status(s.reviewer.Key, s.Root, cut).GetFigures()
		got[2*i], got[2*i+1] = figure(list, "problems_found").GetValue(), figure(list, "problems_rectifying").GetValue()
	}
	if got != want {
		s.T.Errorf("%s %v are found and being rectified, and as asked, want %v", when, got, want)
	}
}

// back returns a report to its sender.
func (s *scene) back(name string) {
	s.T.Helper()
	suitetest.OK[*aggregationv1.Report](s.T)(s.Aggregation(s.reviewer.Key).ReturnReport(s.T.Context(), &aggregationv1.ReturnReportRequest{Name: name, Reason: "退回"}))
}

// What awaits a superior is seen over REST by who asks for it, in every kind of answer;
// by the unit that it is about without asking; and by no portal.
func TestWhatAwaitsCountsForWhoAsks(t *testing.T) {
	s := newScene(t)
	r := s.sent(s.report(1, row(s.school, "found", 8), row(s.school, "closed", 6), row(s.other, "rectifying", 3)))
	if !r.GetRows()[0].GetProposed() || r.GetRows()[0].GetCounted() {
		t.Errorf("a row that awaits is %v", r.GetRows()[0])
	}
	for _, c := range []struct {
		key, path string
		want      int64
	}{
		{s.reviewer.Key, s.Root + "/status", 0},
		{s.reviewer.Key, s.Root + "/status?cut.includeUnaccepted=true", 8},
		{s.reviewer.Key, s.district + "/status?cut.includeUnaccepted=true&cut.treeAsOf=TREE_NOW", 8},
		{s.eye.Key, s.district + "/status", 0}, // it is of a unit beneath
		{s.head.Key, s.school + "/status", 8},
		{s.reviewer.Key, s.school + "/status", 0},
		{s.reviewer.Key, s.Root + "/status?cut.includeUnaccepted=true&cut.source=SUPERIOR", 0},
		{s.reviewer.Key, s.Root + "/status?cut.includeUnaccepted=true&cut.endDate=2026-01-30", 0},
		{s.portals()[0], s.district + "/status?cut.includeUnaccepted=true", 0},
		{s.portals()[1], s.district + "/status?cut.includeUnaccepted=true", 0},
	} {
		var status aggregationv1.Status
		s.answered(c.key, http.MethodGet, "/v1/"+c.path, "", &status)
		if got := figure(status.GetFigures(), "problems_found").GetValue(); got != c.want {
			t.Errorf("%s has %d found, want %d", c.path, got, c.want)
		}
		if n := figure(status.GetFigures(), "units_reporting").GetValue(); n != 0 {
			t.Errorf("%s has %d that report", c.path, n)
		}
	}
	ctx, as := t.Context(), s.Aggregation(s.reviewer.Key)
	series := suitetest.OK[*aggregationv1.StatusSeries](t)(as.GetStatusSeries(ctx, &aggregationv1.GetStatusSeriesRequest{
		Name: s.Root, Metric: "metrics/problems_found", Bucket: aggregationv1.GetStatusSeriesRequest_BUCKET_MONTH,
		Cut: &aggregationv1.Cut{IncludeUnaccepted: true, StartDate: "2026-01-01", EndDate: "2026-01-31"},
	}))
	places := suitetest.OK[*aggregationv1.CompareStatusResponse](t)(as.CompareStatus(ctx, &aggregationv1.CompareStatusRequest{
		Name: s.district, Metric: "metrics/problems_found", Cut: askedFor,
	}))
	if series.GetPoints()[0].GetFigure().GetValue() != 8 || places.GetPlaces()[0].GetFigure().GetValue() != 8 {
		t.Errorf("as asked the series is %v, and the places are %v", series, places)
	}
	file, err := as.ExportStatus(ctx, &aggregationv1.ExportStatusRequest{Name: s.district, Cut: askedFor, Metrics: []string{"metrics/problems_found"}})
	if err != nil || !strings.Contains(string(file.GetData()), ",8") {
		t.Errorf("as asked the file is %s, %v", file.GetData(), err)
	}
	past := &aggregationv1.Cut{IncludeUnaccepted: true, AsOf: timestamppb.New(suitetest.Start)}
	s.SetTime(suitetest.Start.Add(time.Hour))
	s.accepted(r.GetName())
	s.expects("accepted,", [4]int64{8, 3, 8, 3})
	list := s.status(s.reviewer.Key, s.Root, past).GetFigures()
	wantFigure(t, list, "problems_found", 8)
	wantFigure(t, s.status(s.reviewer.Key, s.Root, &aggregationv1.Cut{AsOf: past.GetAsOf()}).GetFigures(), "problems_found", 0)
	s.recounted()
}

// A correction that awaits shows what would count once it is accepted: also that what it
// does not say is taken off. When it is returned, or another one comes, that ends.
func TestACorrectionThatAwaitsShowsWhatItWouldChange(t *testing.T) {
	s := newScene(t)
	first := s.accepted(s.sent(s.report(1, row(s.school, "found", 8), row(s.other, "found", 5), row(s.school, "rectifying", 4))).GetName())
	correct := func(sequence int64, before string, rows ...*aggregationv1.Report_Row) *aggregationv1.Report {
		r := s.report(sequence, rows...)
		r.Supersedes = before
		return s.sent(r)
	}
	s.expects("first", [4]int64{13, 4, 13, 4})
	second := correct(2, first.GetName(), row(s.school, "found", 6), row(s.school, "rectifying", 7))
	s.expects("corrected", [4]int64{13, 4, 6, 7})
	third := correct(3, second.GetName(), row(s.other, "found", 1))
	s.expects("corrected otherwise", [4]int64{13, 4, 1, 0})
	s.back(third.GetName())
	s.expects("returned", [4]int64{13, 4, 13, 4})
	s.recounted()
	fourth := correct(4, third.GetName(), row(s.other, "found", 2))
	s.expects("sent again", [4]int64{13, 4, 2, 0})
	s.accepted(fourth.GetName())
	s.expects("accepted", [4]int64{2, 0, 2, 0})
	s.recounted()
}

// Of what stands, months that await follow one another as accepted ones do, and own
// records end what is awaited.
func TestWhatAwaitsStandsUntilTheNextMonth(t *testing.T) {
	r := newReporter(t)
	send := func(sequence int64, period string, value int64) string {
		report := r.scene.report(sequence, row(r.district, "rectifying", value))
		report.Period = period
		return r.scene.sent(report).GetName()
	}
	send(1, "2025-12", 5)
	january := send(2, "2026-01", 7)
	r.expects("two months await,", [4]int64{0, 0, 0, 7})
	until := func(day string) int64 {
		cut := &aggregationv1.Cut{IncludeUnaccepted: true, EndDate: day}
		return figure(r.status(r.reviewer.Key, r.Root, cut).GetFigures(), "problems_rectifying").GetValue()
	}
	if got := until("2026-01-30"); got != 5 {
		t.Errorf("until the next month %d stand, want 5", got)
	}
	r.accepted(january)
	r.expects("the second is accepted,", [4]int64{0, 7, 0, 7})
	r.SetTime(suitetest.Start.AddDate(0, 0, 1))
	r.finds(r.reviewer.Key, superior)
	r.expects("own records began,", [4]int64{1, 0, 1, 0})
	if got := until("2026-01-30"); got != 5 {
		t.Errorf("before own records %d stand, want 5", got)
	}
	r.recounted()
}

// Of two sources that await for a month the first that came is seen, and when it is
// returned the other. What is in conflict with what counts is not.
func TestOneOfSeveralThatAwaitIsSeen(t *testing.T) {
	s := newScene(t)
	first := s.sent(s.report(1, row(s.school, "found", 8)))
	s.SetTime(suitetest.Start.Add(time.Minute))
	other := s.report(1, row(s.school, "found", 3), row(s.school, "closed", 2))
	other.Source = "file"
	other = s.sent(other)
	s.expects("both await,", [4]int64{0, 0, 8, 0})
	s.back(first.GetName())
	s.expects("the first is returned,", [4]int64{0, 0, 3, 0})
	s.accepted(other.GetName())
	again := s.sent(s.report(2, row(s.school, "found", 9)))
	if got := again.GetRows()[0]; got.GetVerdict() != aggregationv1.Report_VERDICT_CONFLICT || got.GetProposed() {
		t.Errorf("what is in conflict is %v", got)
	}
	s.expects("one is in conflict,", [4]int64{3, 0, 3, 0})
	s.recounted()
}

// A row that waited for its unit is seen once that is known.
func TestWhatWasInQuarantineIsSeenAsItAwaits(t *testing.T) {
	s := newScene(t)
	first := s.accepted(s.sent(s.report(1, row(s.school, "found", 8))).GetName())
	r := s.report(2, &aggregationv1.Report_Row{Code: "A3", Field: "found", Value: 5})
	r.Supersedes = first.GetName()
	name := s.sent(r).GetName()
	s.expects("nobody is A3,", [4]int64{8, 0, 0, 0})
	s.mapped("A3", s.school)
	s.until(name, func(totals *aggregationv1.Report_Totals) bool { return totals.GetUpdated() == 1 })
	s.expects("A3 is the school,", [4]int64{8, 0, 5, 0})
	s.recounted()
	s.back(name)
	s.expects("returned,", [4]int64{8, 0, 8, 0})
	s.recounted()
}

// Long reports that await, are superseded and returned leave nothing behind, wherever
// their process ends.
func TestLongReportsThatAwaitSurviveTheirProcess(t *testing.T) {
	folder := t.TempDir()
	s := newSceneIn(t, folder)
	s.published("x", s.Root)
	const n = 2000 // lines: two are found in each
	first := s.uploaded(s.report(1), lines(n, s.school)).GetName()
	s = s.again(folder)
	s.finished(first)
	s.expects("judged,", [4]int64{0, 0, 2 * n, 0})
	s.accepted(first)
	s = s.again(folder)
	s.finished(first)
	s.expects("accepted,", [4]int64{2 * n, 0, 2 * n, 0})
	correct := func(sequence int64, before string, lines string) string {
		r := s.report(sequence)
		r.Supersedes = before
		return s.uploaded(r, lines).GetName()
	}
	second := correct(2, first, lines(n/2, s.school))
	s = s.again(folder)
	s.finished(second)
	s = s.again(folder)
	s.work(func(list []string) bool { return len(list) == 0 })
	s.expects("half of it is corrected,", [4]int64{2 * n, 0, n, 0})
	third := correct(3, second, lines(1, s.school))
	s = s.again(folder)
	s.work(func(list []string) bool { return len(list) == 0 })
	s.expects("all but one is corrected,", [4]int64{2 * n, 0, 2, 0})
	s.back(third)
	s = s.again(folder)
	s.work(func(list []string) bool { return len(list) == 0 })
	s.expects("returned,", [4]int64{2 * n, 0, 2 * n, 0})
	s.recounted()
	if got := s.finished(reports.Name(s.report(2))); got.GetState() != aggregationv1.Report_STATE_SUPERSEDED {
		t.Errorf("the second = %v", got)
	}
}
