package server_test

import (
	"fmt"
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// mapped gives the district's system a code of its own for a unit.
func (s *scene) mapped(code, unit string) {
	s.T.Helper()
	_, err := s.Aggregation(s.machine.Key).SetReportCodes(s.T.Context(), &aggregationv1.SetReportCodesRequest{
		Parent: reports.SourceName(s.district, "eis"), Codes: []*aggregationv1.ReportCode{{Code: code, Unit: unit}},
	})
	if err != nil {
		s.T.Fatal(err)
	}
}

// spread puts so many rows that wait for their units between the first row and the
// others.
func spread(n int, rows ...*aggregationv1.Report_Row) []*aggregationv1.Report_Row {
	all := rows[:1:1]
	for i := range n {
		all = append(all, row(fmt.Sprint("units/none", i), "due", 1))
	}
	return append(all, rows[1:]...)
}

// What is said of one unit is one thing, however the unit is named and however many
// rows lie between: checks see all of it, and a figure is said once.
func TestARowIsHeldAgainstTheWholeReport(t *testing.T) {
	s := newScene(t)
	s.sent(s.report(1, row(s.school, "found", 1))) // the source is known from here on
	s.mapped("A3", s.school)
	own := func(field string, value int64) *aggregationv1.Report_Row {
		return &aggregationv1.Report_Row{Code: "A3", Field: field, Value: value}
	}
	const broken, twice = "REPORT_CHECK_REFUSED", "REPORT_ROW_REPEATED"
	for i, n := range []int{0, 3, 900} {
		r := s.report(int64(i+2), spread(n, row(s.school, "submitted", 1), own("submitted", 9), own("due", 2), own("late", 5))...)
		r.Form = "reportForms/tasks-monthly"
		checked := &aggregationv1.CreateReportRequest{Report: r, ValidateOnly: true}
		preview, err := s.Aggregation(s.machine.Key).CreateReport(t.Context(), checked)
		if err != nil {
			t.Fatal(err)
		}
		name := s.sent(r).GetName()
		got := s.finished(name).GetTotals()
		if preview.GetTotals().String() != got.String() {
			t.Errorf("%d between: foreseen %v, judged %v", n, preview.GetTotals(), got)
		}
		wantVerdicts(t, s.rows(name, "verdict != QUARANTINED"), []string{
			"1 REJECTED " + broken + " value", fmt.Sprint(n+2, " REJECTED ", twice, " field"), fmt.Sprint(n+3, " CREATED  "),
			fmt.Sprint(n+4, " REJECTED ", broken, " value"),
		})
	}
}

// A row whose code is mapped later is held against what its report said before, on
// whichever page.
func TestALateRowIsHeldAgainstTheWholeReport(t *testing.T) {
	s := newScene(t)
	r := s.report(1, spread(900, row(s.school, "submitted", 1), &aggregationv1.Report_Row{Code: "A3", Field: "late", Value: 5})...)
	r.Form = "reportForms/tasks-monthly"
	name := s.accepted(s.finished(s.sent(r).GetName()).GetName()).GetName()
	s.finished(name)
	s.mapped("A3", s.school)
	s.until(name, func(t *aggregationv1.Report_Totals) bool { return t.GetRejected() == 1 })
	if got := s.finished(name).GetTotals(); got.GetCounted() != 1 || got.GetQuarantined() != 900 {
		t.Errorf("= %v", got)
	}
	wantVerdicts(t, s.rows(name, "verdict = REJECTED"), []string{"902 REJECTED REPORT_CHECK_REFUSED value"})
}

// The administrative code names the bureau, though its schools have it too; of units
// none of which stands above the others it names none.
func TestACodeNamesTheUnitAboveTheOthers(t *testing.T) {
	s := newScene(t)
	s.coded(s.school, "gbt2260", "420526", "area", "7")
	s.coded(s.other, "gbt2260", "420526", "area", "7")
	bureau := &organizationv1.Unit{
		Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT,
		Codes: []*organizationv1.Code{{Scheme: "gbt2260", Value: "420526"}},
	}
	if _, err := s.Organization(s.SystemAdmin).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: bureau}); err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	rows := s.sent(s.report(1,
		&aggregationv1.Report_Row{Scheme: "gbt2260", Code: "420526", Field: "found", Value: 1},
		&aggregationv1.Report_Row{Scheme: "area", Code: "7", Field: "found", Value: 1},
	)).GetRows()
	wantVerdicts(t, rows, []string{"1 CREATED  ", "2 QUARANTINED REPORT_CODE_AMBIGUOUS code"})
	if got := rows[0].GetResolvedUnit(); got != s.district {
		t.Errorf("420526 is %s", got)
	}
}
