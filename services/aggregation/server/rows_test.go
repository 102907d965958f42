package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
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
		&aggregationv1.Report_Row{Unit: s.school, Scheme: "gbt2260", Code: "420526", Field: "closed", Value: 1}, // its own code too
	)).GetRows()
	wantVerdicts(t, rows, []string{"1 CREATED  ", "2 QUARANTINED REPORT_CODE_AMBIGUOUS code", "3 CREATED  "})
	if got := rows[0].GetResolvedUnit(); got != s.district {
		t.Errorf("420526 is %s", got)
	}
}

// TestANameIsNoUnitUntilItIsMapped: who wrote a name in the column of units is told what belongs
// there, and the row counts once the source maps the name.
func TestANameIsNoUnitUntilItIsMapped(t *testing.T) {
	s := newScene(t)
	r := s.uploaded(s.report(1), "单位,发现问题数\n演示稻香幼儿园,3\nunits/none,4\n")
	wantVerdicts(t, r.GetRows(), []string{"2 QUARANTINED REPORT_UNIT_UNKNOWN 单位", "3 QUARANTINED REPORT_UNIT_UNKNOWN 单位"})
	for i, tells := range []bool{true, false} {
		row := r.GetRows()[i]
		if strings.Contains(row.GetMessageZh(), "须填 units/…") != tells || strings.Contains(row.GetMessageEn(), "units/… belongs here") != tells {
			t.Errorf("%s: %s %s", row.GetUnit(), row.GetMessageZh(), row.GetMessageEn())
		}
	}
	s.accepted(r.GetName())
	if _, err := s.Aggregation(s.machine.Key).SetReportCodes(t.Context(), &aggregationv1.SetReportCodesRequest{
		Parent: reports.SourceName(s.district, r.GetSource()), Codes: []*aggregationv1.ReportCode{{Scheme: "unit", Code: "演示稻香幼儿园", Unit: s.school}},
	}); err != nil {
		t.Fatal(err)
	}
	s.until(r.GetName(), func(t *aggregationv1.Report_Totals) bool { return t.GetQuarantined() == 1 })
	if got := s.finished(r.GetName()).GetTotals(); got.GetCounted() != 1 {
		t.Errorf("= %v", got)
	}
}

// What is wrong with a row is told where its sender finds it, and as it was sent.
func TestFaultsAreToldInTheSendersWords(t *testing.T) {
	s := newScene(t)
	sent := 0
	told := func(rows []*aggregationv1.Report_Row) (all []string) {
		for _, row := range rows {
			all = append(all, fmt.Sprintf("%s %q %q", row.GetReason(), row.GetColumn(), row.GetUnreadable()))
		}
		return all
	}
	want := func(what string, rows []*aggregationv1.Report_Row, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, told(rows)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	file := func(text string) []*aggregationv1.Report_Row {
		sent++
		return s.uploaded(s.report(int64(sent)), text).GetRows()
	}
	want("a wide file", file(" 单位 ,发现问题数,Closed\n"+s.school+",-3, x \n"+s.school+",1,\n"+s.school+",2,1.5\nunits/none,,null\n,7,\n"+s.other+",,\n"),
		`REPORT_VALUE_INVALID "发现问题数" ""`, `REPORT_VALUE_MALFORMED "Closed" " x "`, ` "" ""`, `REPORT_ROW_REPEATED "发现问题数" ""`,
		`REPORT_VALUE_MALFORMED "Closed" "1.5"`, `REPORT_VALUE_MALFORMED "Closed" "null"`, `REPORT_UNIT_MISSING "单位" ""`,
		`REPORT_VALUE_MISSING "发现问题数" ""`)
	want("a long file", file("学校标识码,活动,指标,数值\n9,,found,1\n9,x,found,1\n9,,lost,1\n9,,found,-1\n9,,found,\n"),
		`REPORT_UNIT_UNKNOWN "学校标识码" ""`, `REPORT_CAMPAIGN_INVALID "活动" ""`, `REPORT_FIELD_UNKNOWN "指标" ""`,
		`REPORT_VALUE_INVALID "数值" ""`, `REPORT_VALUE_MISSING "数值" ""`)
	var r aggregationv1.Report
	var rows []string
	for _, value := range []string{`"1.5"`, `-1`, `" x "`, `""`, `null`, `"null"`, `1`, `2`, `true`, `[1]`, `99999999999999999999`, `"=1+1"`} {
		rows = append(rows, fmt.Sprintf(`{"unit":%q,"field":"found","value":%s}`, s.school, value))
	}
	s.posted("/v1/reports", fmt.Sprintf(`{"form":"reportForms/ledger-monthly","unit":%q,"period":"2026-01","source":"json","sequence":"1","rows":[%s]}`,
		s.district, strings.Join(rows, ",")), &r)
	want("JSON", r.GetRows(),
		`REPORT_VALUE_MALFORMED "value" "1.5"`, `REPORT_VALUE_INVALID "value" ""`, `REPORT_VALUE_MALFORMED "value" " x "`, `REPORT_VALUE_MISSING "value" ""`,
		`REPORT_VALUE_MISSING "value" ""`, `REPORT_VALUE_MALFORMED "value" "null"`, ` "" ""`, `REPORT_ROW_REPEATED "field" ""`,
		`REPORT_VALUE_MALFORMED "value" "true"`, `REPORT_VALUE_MALFORMED "value" "[1]"`, `REPORT_VALUE_INVALID "value" "99999999999999999999"`,
		`REPORT_VALUE_MALFORMED "value" "=1+1"`)
}

// Figures of a moment that is yet to come are not told; an answer says of when it is.
func TestNoFiguresAreOfTheFuture(t *testing.T) {
	s := newScene(t)
	future := &aggregationv1.GetStatusRequest{Name: s.district, Cut: &aggregationv1.Cut{AsOf: timestamppb.New(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))}}
	if _, err := s.Aggregation(s.reviewer.Key).GetStatus(t.Context(), future); !errors.Is(err, aggregation.ErrMomentFuture) {
		t.Errorf("of 2099: %v", err)
	}
	if got := s.status(s.reviewer.Key, s.district, nil).GetAsOf(); got == nil {
		t.Error("it does not say of when it is")
	}
}
