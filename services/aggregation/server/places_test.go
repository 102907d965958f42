package server_test

import (
	"testing"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
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
