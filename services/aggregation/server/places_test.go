package server_test

import (
	"fmt"
	"testing"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// A past month is corrected by who reported it, also of a unit that has moved
// since; what is reported of a month belongs where the unit stood at its end.
func TestAMonthIsCorrectedAfterAMove(t *testing.T) {
	s := newScene(t)
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.coded(s.other, "school", "4205020002")
	month := func(sequence int64, period, before string, found int64) *aggregationv1.Report {
		r := s.report(sequence, row(s.school, "found", found), &aggregationv1.Report_Row{Scheme: "school", Code: "4205020002", Field: "found", Value: found})
		r.Period, r.Supersedes = period, before
		return s.accepted(s.sent(r).GetName())
	}
	s.SetTime(time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC))
	first := month(1, "2026-02", "", 9)
	for _, unit := range []string{s.school, s.other} {
		if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: unit, Parent: next}); err != nil {
			t.Fatal(err)
		}
	}
	s.CatchUp()
	if r := month(2, "2026-02", first.GetName(), 7); r.GetTotals().GetCounted() != 2 {
		t.Errorf("the correction = %v", r)
	}
	s.SetTime(time.Date(2026, 4, 2, 1, 0, 0, 0, time.UTC))
	if r := month(3, "2026-03", "", 5); r.GetTotals().GetQuarantined() != 2 {
		t.Errorf("the month after the move = %v", r)
	}
	s.settled()
	for unit, want := range map[string]int64{s.district: 14, next: 0, s.Root: 14} {
		wantFigure(t, s.status(s.reviewer.Key, unit, nil).GetFigures(), "problems_found", want)
	}
	s.recounted()
}

// A figure is said once in a report, on whichever of its pages: a row whose code is
// mapped later does not take the place of one that stood.
func TestARowThatIsMappedLaterIsHeldAgainstAllPages(t *testing.T) {
	s := newScene(t)
	s.published("x", s.Root)
	said := func(line int64, row *aggregationv1.Report_Row) *aggregationv1.Report_Row {
		row.Field, row.Campaign, row.Category, row.Value = "found", "campaigns/x", "z", line // behind all c…
		return row
	}
	r := s.report(1, said(1, &aggregationv1.Report_Row{Code: "own-1"}), said(2, &aggregationv1.Report_Row{Code: "own-2"}))
	for i := range 2 * reports.PageRows {
		r.Rows = append(r.Rows, &aggregationv1.Report_Row{Unit: s.school, Field: "found", Campaign: "campaigns/x", Category: fmt.Sprint("c", i)})
	}
	r.Rows = append(r.Rows, said(7, &aggregationv1.Report_Row{Unit: s.school}), said(3, &aggregationv1.Report_Row{Code: "own-3"}))
	name := s.finished(s.sent(r).GetName()).GetName()
	codes := &aggregationv1.SetReportCodesRequest{Parent: reports.SourceName(s.district, "eis"), Codes: []*aggregationv1.ReportCode{
		{Code: "own-1", Unit: s.school}, {Code: "own-2", Unit: s.other}, {Code: "own-3", Unit: s.other},
	}}
	if _, err := s.Aggregation(s.machine.Key).SetReportCodes(t.Context(), codes); err != nil {
		t.Fatal(err)
	}
	s.until(name, func(t *aggregationv1.Report_Totals) bool { return t.GetQuarantined() == 0 })
	s.accepted(name)
	s.counts(name, 2*reports.PageRows+2)
	want := map[int64]bool{1: false, 2: true, 3: false, 7: true}
	for _, row := range s.rows(name, `category = "z"`) {
		if row.GetCounted() != want[row.GetValue()] || !row.GetCounted() && row.GetReason() != reports.ErrRowTwice.Reason {
			t.Errorf("%v", row)
		}
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 9)
	s.recounted()
}
