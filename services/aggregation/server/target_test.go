package server_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// A status shows how far the unit has come; what a superior has set a unit does
// not change.
func TestAStatusShowsProgressTowardsTargets(t *testing.T) {
	s := newScene(t)
	s.accepted(s.sent(s.report(1, row(s.school, "found", 8), row(s.school, "closed", 6))).GetName())
	asked := &aggregationv1.Target{
		Unit: s.school, Metric: "metrics/problems_closing_rate", StartDate: "2026-01-01", EndDate: "2026-12-31", Goal: 800,
		Direction: aggregationv1.Target_DIRECTION_AT_LEAST,
	}
	create := func(key string, bend func(*aggregationv1.Target)) (*aggregationv1.Target, error) {
		bend(asked)
		return s.Aggregation(key).CreateTarget(t.Context(), &aggregationv1.CreateTargetRequest{Target: asked})
	}
	set, err := create(s.eye.Key, func(*aggregationv1.Target) {})
	if err != nil {
		t.Fatal(err)
	}
	progress := func() *aggregationv1.TargetProgress {
		return s.status(s.head.Key, s.school, nil).GetTargets()[0]
	}
	if p := progress(); p.GetValue() != 750 || p.GetMet() || p.GetProgressMilli() != 938 || p.GetTarget().GetSetterUnit() != s.district {
		t.Errorf("progress = %v", p)
	}
	lower := &aggregationv1.UpdateTargetRequest{Target: &aggregationv1.Target{
		Name: set.GetName(), Unit: asked.GetUnit(), Metric: asked.GetMetric(), StartDate: asked.GetStartDate(), EndDate: asked.GetEndDate(),
		Goal: 700, Direction: asked.GetDirection(),
	}}
	if _, err := s.Aggregation(s.head.Key).UpdateTarget(t.Context(), lower); !errors.Is(err, aggregation.ErrTargetFixed) {
		t.Errorf("a unit changes what its superior has set: %v", err)
	}
	if _, err := s.Aggregation(s.eye.Key).UpdateTarget(t.Context(), lower); err != nil || !progress().GetMet() {
		t.Errorf("a lower goal: %v, %v", progress(), err)
	}
	for _, c := range []struct {
		bend func(*aggregationv1.Target)
		want error
	}{
		{func(*aggregationv1.Target) {}, aggregation.ErrTargetExists},
		{func(t *aggregationv1.Target) { t.EndDate = "2025-12-31" }, aggregation.ErrTargetPeriod},
		{func(t *aggregationv1.Target) { t.EndDate = "2062-12-31" }, aggregation.ErrTargetPeriod},
		{func(t *aggregationv1.Target) { t.StartDate = "1926-01-01" }, aggregation.ErrTargetPeriod},
		{func(t *aggregationv1.Target) { t.Metric = "metrics/evaluation_rank" }, aggregation.ErrNoTargets},
		{func(t *aggregationv1.Target) { t.Metric = "metrics/none" }, aggregation.ErrMetricUnknown},
	} {
		if _, err := create(s.eye.Key, c.bend); !errors.Is(err, c.want) {
			t.Errorf("setting %v = %v, want %v", asked, err, c.want)
		}
	}
}

// As of a moment before a report was accepted there is nothing of it, and by the
// tree as it is a unit's past goes with it.
func TestAStatusOfThePast(t *testing.T) {
	s := newScene(t)
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.SetTime(suitetest.Start.AddDate(0, 0, 1))
	s.accepted(s.sent(s.report(1, row(s.school, "found", 8))).GetName())
	s.SetTime(suitetest.Start.AddDate(0, 0, 2))
	if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: s.school, Parent: next}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	before := timestamppb.New(suitetest.Start.AddDate(0, 0, 1).Add(-1))
	wantFigure(t, s.status(s.reviewer.Key, s.Root, nil).GetFigures(), "problems_found", 8)
	past := s.status(s.reviewer.Key, s.Root, &aggregationv1.Cut{AsOf: before})
	wantFigure(t, past.GetFigures(), "problems_found", 0)
	if !past.GetAsOf().AsTime().Equal(before.AsTime()) {
		t.Errorf("as of = %v", past.GetAsOf())
	}
	now := &aggregationv1.Cut{TreeAsOf: aggregationv1.Tree_TREE_NOW}
	for unit, want := range map[string][2]int64{s.district: {8, 0}, next: {0, 8}, s.Root: {8, 8}} {
		wantFigure(t, s.status(s.reviewer.Key, unit, nil).GetFigures(), "problems_found", want[0])
		wantFigure(t, s.status(s.reviewer.Key, unit, now).GetFigures(), "problems_found", want[1])
	}
	then := s.status(s.reviewer.Key, s.district, &aggregationv1.Cut{AsOf: timestamppb.New(suitetest.Start.AddDate(0, 0, 1))})
	if len(then.GetChildren()) != 2 || then.GetChildren()[0].GetUnit() != s.school {
		t.Errorf("the units beneath were %v", then.GetChildren())
	}
}

func TestAStatusOfALevelAndOfSomeMetrics(t *testing.T) {
	s := newScene(t)
	s.accepted(s.sent(s.report(1, row(s.school, "found", 8), row(s.other, "found", 3))).GetName())
	status, err := s.Aggregation(s.reviewer.Key).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{
		Name: s.Root, Level: organizationv1.Unit_KIND_SCHOOL, Metrics: []string{"metrics/problems_found"},
	})
	if err != nil || len(status.GetChildren()) != 2 || len(status.GetFigures()) != 1 || status.GetChildren()[1].GetFigures()[0].GetValue() != 3 {
		t.Errorf("all schools = %v, %v", status, err)
	}
	for _, f := range s.status(s.reviewer.Key, s.Root, nil).GetFigures() {
		if f.GetMetric() == "metrics/evaluation_score" {
			t.Errorf("a unit that nobody evaluated has the score %v", f)
		}
	}
	ranking, err := s.Aggregation(s.reviewer.Key).CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{
		Name: s.Root, Level: organizationv1.Unit_KIND_SCHOOL, Metric: "metrics/problems_found",
	})
	if err != nil || len(ranking.GetPlaces()) != 2 || ranking.GetPlaces()[0].GetUnit() != s.school {
		t.Errorf("all schools ranked = %v, %v", ranking, err)
	}
	_, err = s.Aggregation(s.reviewer.Key).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: s.Root, Metrics: []string{"metrics/none"}})
	if !errors.Is(err, aggregation.ErrMetricUnknown) {
		t.Errorf("an unknown metric = %v", err)
	}
}

func TestAnExportIsWhatTheStatusSays(t *testing.T) {
	s := newScene(t)
	odd, err := s.Organization(s.SystemAdmin).CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{
		Unit: &organizationv1.Unit{DisplayName: "=1+1", Kind: organizationv1.Unit_KIND_SCHOOL, Parent: s.district}, UnitId: "s3",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.accepted(s.sent(s.report(1, row(odd.GetName(), "found", 8), row(odd.GetName(), "closed", 6))).GetName())
	s.Person(s.district, accessv1.Role_ROLE_VIEWER)
	req := &aggregationv1.ExportStatusRequest{Name: s.district, Metrics: []string{"metrics/problems_found", "metrics/problems_closing_rate"}}
	file, err := s.Aggregation(s.reviewer.Key).ExportStatus(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	text, marked := bytes.CutPrefix(file.GetData(), []byte("\xef\xbb\xbf"))
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || !marked || file.GetContentType() != "text/csv; charset=utf-8" {
		t.Fatalf("the file is %q, %v", file, err)
	}
	if got := rows[0][2]; got != "发现问题数 (problems_found)" {
		t.Errorf("the column is %s", got)
	}
	if got := strings.Join(rows[4], "|"); got != "units/s3|'=1+1|8|0.750|否" {
		t.Errorf("the row is %s of %d", got, len(rows))
	}
	if !bytes.Contains(text, []byte("0.750,否\r\n\r\n单位 (unit),units/d,,,\r\n")) {
		t.Errorf("the notes do not stand behind an empty line: %s", text)
	}
	req.Format = aggregationv1.ExportStatusRequest_FORMAT_XLSX
	file, err = s.Aggregation(s.reviewer.Key).ExportStatus(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(file.GetData()))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	cells, err := book.GetRows("进展情况")
	if err != nil || strings.Join(cells[4], "|") != "units/s3|=1+1|8|0.75|否" {
		t.Errorf("the workbook has %v, %v", cells, err)
	}
	if formula, err := book.GetCellFormula("进展情况", "B5"); err != nil || formula != "" {
		t.Errorf("a name became the formula %q, %v", formula, err)
	}
	for table, want := range map[aggregationv1.ExportStatusRequest_Table]string{
		aggregationv1.ExportStatusRequest_TABLE_COMPARISON: "units/s3,'=1+1,KIND_SCHOOL,1,8,\r\n",
		aggregationv1.ExportStatusRequest_TABLE_SERIES:     "2026-01-01,2026-01-31,8",
	} {
		file, err := s.Aggregation(s.reviewer.Key).ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{
			Name: s.district, Table: table, Metric: "metrics/problems_found", Cut: &aggregationv1.Cut{StartDate: "2026-01-01"},
		})
		if err != nil || !strings.Contains(string(file.GetData()), want) {
			t.Errorf("%v = %s, %v", table, file.GetData(), err)
		}
		_, err = s.Aggregation(s.reviewer.Key).ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{Name: s.district, Table: table})
		if !errors.Is(err, aggregation.ErrMetricMissing) {
			t.Errorf("%v of no metric = %v", table, err)
		}
	}
}
