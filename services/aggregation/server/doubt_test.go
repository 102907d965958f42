package server_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/fault"
)

// A row is about one unit, by whatever it names it; what no code can be mapped to waits for
// nothing; and a number that is too large is one.
func TestARowIsAboutOneUnitAndSaysWhich(t *testing.T) {
	s := newScene(t)
	s.coded(s.school, "school", "4205020001")
	s.coded(s.other, "school", "4205020002")
	both := func(unit, code, field string) *aggregationv1.Report_Row {
		return &aggregationv1.Report_Row{Unit: unit, Scheme: "school", Code: code, Field: field, Value: 1}
	}
	large := row(s.other, "closed", 0)
	large.Unreadable = "99999999999999999999"
	rows := []*aggregationv1.Report_Row{
		both(s.school, "4205020001", "found"), both(s.school, "4205020002", "closed"), both(s.school, "none", "overdue"),
		row("", "found", 1), row(s.school, "closed", 1), large,
	}
	var got []string
	for _, row := range s.sent(s.report(1, rows...)).GetRows() {
		got = append(got, row.GetVerdict().String()+" "+row.GetReason()+" "+row.GetColumn())
	}
	want := []string{
		"VERDICT_CREATED  ",
		"VERDICT_REJECTED REPORT_UNIT_AMBIGUOUS code",
		"VERDICT_REJECTED REPORT_UNIT_AMBIGUOUS code",
		"VERDICT_REJECTED REPORT_UNIT_MISSING unit",
		"VERDICT_CREATED  ",
		"VERDICT_REJECTED REPORT_VALUE_INVALID value",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	file := &aggregationv1.UploadReportRequest{
		Report: s.report(2), Content: []byte("单位,学校标识码,发现问题数\n" + s.other + ",4205020001,7\n,,7\n"), Format: aggregationv1.UploadReportRequest_FORMAT_CSV,
	}
	file.Report.Source = "sheet"
	r, err := s.Aggregation(s.machine.Key).UploadReport(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, row := range r.GetRows() {
		got = append(got, row.GetReason()+" "+row.GetColumn())
	}
	if diff := cmp.Diff([]string{"REPORT_UNIT_AMBIGUOUS 学校标识码", "REPORT_UNIT_MISSING 单位"}, got); diff != "" {
		t.Error(diff)
	}
}

// The zero time of a program that did not set it is no moment, and not now.
func TestTheZeroTimeIsNoMoment(t *testing.T) {
	s := newScene(t)
	_, err := s.Aggregation(s.reviewer.Key).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{
		Name: s.district, Cut: &aggregationv1.Cut{AsOf: timestamppb.New(time.Time{})},
	})
	if f := fault.As(err); !errors.Is(err, aggregation.ErrMomentFuture) || len(f.Fields) != 1 || f.Fields[0].Path != "cut.as_of" {
		t.Errorf("as of the zero time: %v", err)
	}
}

// A unit that was entered later owes nothing of the months before: what it sends of them
// is not late, and it is not judged by when that came.
func TestWhatWasNeverOwedIsNotLate(t *testing.T) {
	s := newScene(t)
	s.SetTime(time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC))
	labels := map[string]string{"reports": "forms"}
	if _, err := s.Organization(s.SystemAdmin).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: &organizationv1.Unit{
		Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT, Labels: labels,
	}}); err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	r := s.sent(s.report(1, row(s.school, "found", 1)))
	if r.GetLate() {
		t.Errorf("of a month that it did not owe: %v", r)
	}
	s.wantQuality("2026-01", 100_000)
	if _, err := s.Aggregation(s.reviewer.Key).CreateReportLeave(t.Context(), &aggregationv1.CreateReportLeaveRequest{ReportLeave: &aggregationv1.ReportLeave{
		Unit: s.district, Form: "reportForms/supervision-quarterly", Period: "2025-Q3", UntilDate: "2026-06-01", Reason: "系统故障",
	}}); !errors.Is(err, reports.ErrLeaveRefused) {
		t.Errorf("leave for what is taken no more: %v", err)
	}
}
