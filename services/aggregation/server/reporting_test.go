package server_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// partials are those of some metrics whose figures are partial.
func partials(list []*aggregationv1.Figure) (ids string) {
	for _, id := range []string{"problems_found", "problems_overdue", "problems_returned", "tasks_due", "ledgers_filed", "complaints_replied", "items_missing", "rounds_published"} {
		if figure(list, id).GetPartial() {
			ids += " " + id
		}
	}
	return ids
}

// What no report brings is unknown of a unit of which only reports tell, at every unit
// above it, until its own records begin.
func TestFiguresWithoutThoseWhoReportArePartial(t *testing.T) {
	r := newReporter(t)
	r.refused("January", r.tells("2026-01", row(r.district, "rectifying", 41), row(r.school, "found", 3)), "", "")
	before, portal := timestamppb.New(suitetest.Start.AddDate(0, 0, -1)), r.portals()[0]
	today := suitetest.Start.AddDate(0, 0, 1)
	r.SetTime(today)
	const untold = " problems_returned ledgers_filed complaints_replied items_missing"
	campaign := r.published("x", r.Root)
	for i, c := range []struct {
		key, unit string
		cut       *aggregationv1.Cut
		units     int64
		want      string
	}{
		{r.reviewer.Key, r.Root, nil, 1, untold},
		{portal, r.district, nil, 1, untold},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{TreeAsOf: aggregationv1.Tree_TREE_NOW}, 1, untold},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{EndDate: "2026-01-31"}, 1, untold},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{EndDate: "2026-01-30"}, 0, ""},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{AsOf: before}, 0, ""},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{Campaign: campaign}, 1, " problems_returned ledgers_filed items_missing"},
		{r.reviewer.Key, r.Root, &aggregationv1.Cut{Source: "SUPERIOR"}, 1, " problems_found problems_overdue problems_returned"},
		{r.head.Key, r.school, nil, 0, ""}, // it reports flows alone, of which no stock is told
	} {
		list := r.status(c.key, c.unit, c.cut).GetFigures()
		if n, got := figure(list, "units_reporting").GetValue(), partials(list); n != c.units || got != c.want {
			t.Errorf("%d: %d units report, and partial are%s, want %d and%s", i, n, got, c.units, c.want)
		}
	}
	child := r.status(r.reviewer.Key, r.Root, nil).GetChildren()[0]
	if f := figure(child.GetFigures(), "problems_returned"); f.GetMetric() == "" || !f.GetPartial() || f.GetValue() != 0 {
		t.Errorf("in the row of who reports, returns are %v", f)
	}
	places, err := r.Aggregation(r.reviewer.Key).CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{Name: r.Root, Metric: "metrics/problems_returned"})
	if err != nil || places.GetPlaces()[0].GetRank() != 0 || !places.GetPlaces()[0].GetFigure().GetPartial() {
		t.Errorf("who reports is ranked by what is unknown: %v, %v", places, err)
	}
	r.marked("metrics/problems_found", "", "3")
	r.marked("metrics/problems_returned", "退回次数", "")
	r.finds(r.reviewer.Key, superior)
	if list := r.status(r.reviewer.Key, r.Root, nil).GetFigures(); figure(list, "units_reporting").GetValue() != 0 || slices.ContainsFunc(list, (*aggregationv1.Figure).GetPartial) {
		t.Errorf("since it keeps records the district's figures are %v", list)
	}
	r.recounted()
}

// marked holds what a file says of a metric of the district that is not told of all units,
// and what its cell has.
func (r *reporter) marked(metric, mark, cell string) {
	r.T.Helper()
	req := &aggregationv1.ExportStatusRequest{Name: r.district, Metrics: []string{metric}, Format: asCSV}
	if got := r.exported(req)["不含报送单位 (partial) "+r.district]; got != mark {
		r.T.Errorf("of %s the file says %q is partial, want %q", metric, got, mark)
	}
	file, err := r.Aggregation(r.eye.Key).ExportStatus(r.T.Context(), req)
	if err != nil {
		r.T.Fatal(err)
	}
	if rows := cellsOf(r.T.(*testing.T), file.GetData()); rows[1][2] != cell {
		r.T.Errorf("%s is %q in the file, want %q", metric, rows[1][2], cell)
	}
}
