package server_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

const closingRate = "metrics/problems_closing_rate"

// rated is a city whose schools closed in April what they had found before: the first 12
// of 20, the other 3 of 4, of which it found one in April.
func rated(t *testing.T) *reporter {
	r := newReporter(t)
	r.SetTime(time.Date(2026, 6, 9, 1, 0, 0, 0, time.UTC))
	r.refused("of March", r.tells("2026-03", row(r.school, "found", 20), row(r.school, "overdue", 8), row(r.other, "found", 3)), "", "", "")
	r.refused("of April", r.tells("2026-04", row(r.school, "closed", 12), row(r.other, "found", 1), row(r.other, "closed", 3)), "", "", "")
	r.settled()
	return r
}

// What is closed in a period was found before it: a rate is of all that came until the
// end, so none is more than the whole, whatever start is asked for.
func TestARateIsOfAllThatCameUntilTheEnd(t *testing.T) {
	r := rated(t)
	april := &aggregationv1.Cut{StartDate: "2026-04-01", EndDate: "2026-04-30"}
	for unit, want := range map[string][4]int64{r.school: {600, 12, 20, 0}, r.other: {750, 3, 4, 1}, r.Root: {625, 15, 24, 1}} {
		list := r.status(r.reviewer.Key, unit, april).GetFigures()
		rate := figure(list, "problems_closing_rate")
		got := [4]int64{rate.GetValue(), rate.GetNumerator(), rate.GetDenominator(), figure(list, "problems_found").GetValue()}
		if got != want {
			t.Errorf("%s in April: rate, closed, found until then and found in April are %v, want %v", unit, got, want)
		}
	}
	ranking := suitetest.OK[*aggregationv1.CompareStatusResponse](t)(r.Aggregation(r.reviewer.Key).CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{
		Name: r.district, Metric: closingRate, Cut: april,
	}))
	if places := ranking.GetPlaces(); places[0].GetUnit() != r.other || places[0].GetFigure().GetValue() != 750 || places[1].GetFigure().GetValue() != 600 {
		t.Errorf("ranked: %v", places)
	}
}

// Each point of a series of a rate is as at its end, and so is how far a target is.
func TestARateOverTimeIsAsAtEachEnd(t *testing.T) {
	r := rated(t)
	series := suitetest.OK[*aggregationv1.StatusSeries](t)(r.Aggregation(r.reviewer.Key).GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
		Name: r.Root, Metric: closingRate, Cut: &aggregationv1.Cut{StartDate: "2026-03-01"},
	}))
	var got []int64
	for _, p := range series.GetPoints() {
		got = append(got, p.GetFigure().GetValue())
	}
	if diff := cmp.Diff([]int64{0, 625, 625, 625}, got); diff != "" {
		t.Errorf("from March to June (-want +got):\n%s", diff)
	}
	target := &aggregationv1.Target{
		Unit: r.school, Metric: closingRate, StartDate: "2026-04-01", EndDate: "2026-12-31", Goal: 600, Direction: aggregationv1.Target_DIRECTION_AT_LEAST,
	}
	suitetest.OK[*aggregationv1.Target](t)(r.Aggregation(r.eye.Key).CreateTarget(t.Context(), &aggregationv1.CreateTargetRequest{Target: target}))
	if p := r.status(r.head.Key, r.school, nil).GetTargets()[0]; p.GetValue() != 600 || !p.GetMet() {
		t.Errorf("towards the target: %v", p)
	}
}

// What is overdue is as of today, or of the day of the moment that is asked for, and
// answers name it: the end of their period is another day.
func TestAnswersSayOfWhichDayWhatIsOverdueIs(t *testing.T) {
	r := rated(t)
	past := timestamppb.New(time.Date(2026, 6, 7, 17, 0, 0, 0, time.UTC)) // the 8th in China
	for want, cut := range map[string]*aggregationv1.Cut{"2026-06-09": {EndDate: "2026-02-28"}, "2026-06-08": {EndDate: "2026-02-28", AsOf: past}} {
		status := r.status(r.reviewer.Key, r.Root, cut)
		if status.GetOverdueDate() != want || status.GetEndDate() != "2026-02-28" {
			t.Errorf("what is overdue is of %s, want %s; until %s", status.GetOverdueDate(), want, status.GetEndDate())
		}
	}
	status := r.status(r.reviewer.Key, r.Root, &aggregationv1.Cut{EndDate: "2026-02-28"})
	wantFigure(t, status.GetFigures(), "problems_overdue", 8)
	wantFigure(t, status.GetFigures(), "problems_found", 0)
	for metric, want := range map[string]string{"metrics/problems_overdue": "2026-06-09", "metrics/problems_found": ""} {
		ranking := suitetest.OK[*aggregationv1.CompareStatusResponse](t)(r.Aggregation(r.reviewer.Key).CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{
			Name: r.district, Metric: metric, Cut: &aggregationv1.Cut{EndDate: "2026-02-28"},
		}))
		if got := ranking.GetOverdueDate(); got != want {
			t.Errorf("%s compared is of %q, want %q", metric, got, want)
		}
	}
}
