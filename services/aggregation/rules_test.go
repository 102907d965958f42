package aggregation_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/fault"
)

func TestEveryMoveOfAReport(t *testing.T) {
	moves := map[aggregation.Move]func(*aggregationv1.Report) (*aggregationv1.Report, error){
		aggregation.Accepting: func(r *aggregationv1.Report) (*aggregationv1.Report, error) { return aggregation.Accept(r, "who") },
		aggregation.Returning: func(r *aggregationv1.Report) (*aggregationv1.Report, error) {
			return aggregation.Return(r, "who", "why")
		},
	}
	for number := range aggregationv1.Report_State_name {
		state := aggregationv1.Report_State(number)
		for move, apply := range moves {
			before := &aggregationv1.Report{State: state}
			after, err := apply(before)
			want, legal := aggregation.Life.Next(state, move)
			switch {
			case before.GetState() != state || before.GetReviewer() != "":
				t.Errorf("%s from %s changed its argument", move, state)
			case legal && (err != nil || after.GetState() != want || after.GetReviewer() != "who"):
				t.Errorf("%s from %s = %v, %v", move, state, after, err)
			case !legal && !errors.Is(err, aggregation.ErrReportIllegalMove):
				t.Errorf("%s from %s = %v, want a refusal", move, state, err)
			}
		}
	}
}

func TestGapsInASequence(t *testing.T) {
	gap := func(first, last int64) *aggregationv1.ReportSource_Gap {
		return &aggregationv1.ReportSource_Gap{First: first, Last: last}
	}
	for name, c := range map[string]struct {
		came []int64
		want *aggregationv1.ReportSource
	}{
		"in order":  {[]int64{1, 2}, &aggregationv1.ReportSource{LastSequence: 2}},
		"a gap":     {[]int64{4}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 3, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(1, 3)}}},
		"its start": {[]int64{4, 1}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 2, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(2, 3)}}},
		"its end":   {[]int64{4, 3}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 2, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(1, 2)}}},
		"within":    {[]int64{4, 2}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 2, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(1, 1), gap(3, 3)}}},
		"filled":    {[]int64{3, 1, 2}, &aggregationv1.ReportSource{LastSequence: 3}},
		"again":     {[]int64{1, 1}, &aggregationv1.ReportSource{LastSequence: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &aggregationv1.ReportSource{}
			for _, n := range c.came {
				before := proto.CloneOf(s)
				next, err := aggregation.Took(s, n)
				if err != nil {
					t.Fatal(err)
				}
				if !proto.Equal(s, before) {
					t.Error("the argument was changed")
				}
				s = next
			}
			if diff := cmp.Diff(c.want, s, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGapsAreBounded(t *testing.T) {
	s := &aggregationv1.ReportSource{}
	var err error
	for n := int64(2); err == nil; n += 2 {
		if s, err = aggregation.Took(s, n); n > 1000 {
			t.Fatal("no end of gaps")
		}
	}
	if !errors.Is(err, aggregation.ErrGapsTooMany) {
		t.Error(err)
	}
}

func TestMetricsAreWhole(t *testing.T) {
	seen := map[aggregation.Metric]bool{}
	for _, d := range aggregation.Definitions {
		if seen[d.Metric] || d.Metric >= aggregation.Numbers || aggregation.Define(d.Metric).ID != d.ID {
			t.Errorf("%s: number %d", d.ID, d.Metric)
		}
		seen[d.Metric] = true
		for _, text := range []string{d.ID, d.Service, d.Measure, d.Zh, d.En, d.MeansZh, d.MeansEn} {
			if text == "" {
				t.Errorf("%s says too little", d.ID)
			}
		}
		if (d.Kind == aggregationv1.Metric_KIND_RATIO) != (d.Over != 0 && d.By != 0) {
			t.Errorf("%s: a ratio has numerator and denominator", d.ID)
		}
	}
	if !slices.IsSortedFunc(aggregation.Metrics(), func(a, b *aggregationv1.Metric) int {
		return slices.Compare([]string{a.GetName()}, []string{b.GetName()})
	}) {
		t.Error("metrics are not in the order of their names")
	}
}

func TestRatiosAreOfSums(t *testing.T) {
	rate := aggregation.Define(aggregation.ProblemsClosingRate)
	for _, c := range [][3]int64{{0, 0, 0}, {1, 3, 333}, {2, 3, 667}, {1, 2000, 1}, {1, 2001, 0}, {279, 306, 912}} {
		f := aggregation.FigureOf(rate, func(m aggregation.Metric) int64 {
			return map[aggregation.Metric]int64{aggregation.ProblemsClosed: c[0], aggregation.ProblemsFound: c[1]}[m]
		})
		if f.GetValue() != c[2] || f.GetNumerator() != c[0] || f.GetDenominator() != c[1] {
			t.Errorf("%d of %d = %v, want %d", c[0], c[1], f, c[2])
		}
	}
}

func TestRanks(t *testing.T) {
	place := func(unit, class string, value int64) *aggregationv1.CompareStatusResponse_Place {
		return &aggregationv1.CompareStatusResponse_Place{Unit: unit, Class: class, Figure: &aggregationv1.Figure{Value: value}}
	}
	places := []*aggregationv1.CompareStatusResponse_Place{place("d", "b", 9), place("c", "a", 3), place("b", "a", 3), place("a", "a", 5), place("e", "a", 1)}
	check := func(m aggregation.Metric, want string) {
		t.Helper()
		aggregation.Rank(aggregation.Define(m), places)
		got := ""
		for _, p := range places {
			got += p.GetUnit() + string(rune('0'+p.GetRank())) + " "
		}
		if got != want {
			t.Errorf("ranked %q, want %q", got, want)
		}
	}
	check(aggregation.TasksApproved, "a1 b2 c2 e4 d1 ")
	check(aggregation.ProblemsReturned, "e1 b2 c2 a4 d1 ")
	check(aggregation.EvaluationScore, "a0 b0 c0 e0 d0 ")
}

func TestRankingsAreBounded(t *testing.T) {
	if err := aggregation.Comparable(aggregation.Compared); err != nil {
		t.Error(err)
	}
	if err := aggregation.Comparable(aggregation.Compared + 1); !errors.Is(err, aggregation.ErrTooManyCompared) {
		t.Errorf("more units = %v", err)
	}
}

// A metric is read from the sums that it is made of, and from no others.
func TestSumsOfMetrics(t *testing.T) {
	for m, want := range map[aggregation.Metric][]aggregation.Metric{
		aggregation.TasksDue:            {aggregation.TasksDue},
		aggregation.ProblemsClosingRate: {aggregation.ProblemsClosed, aggregation.ProblemsFound},
		aggregation.EvaluationRank:      nil,
	} {
		sums := aggregation.Sums(*aggregation.Define(m))
		for _, d := range aggregation.Definitions {
			if sums.Has(d.Metric) != slices.Contains(want, d.Metric) {
				t.Errorf("%s needs %s: %v", aggregation.Define(m).ID, d.ID, sums.Has(d.Metric))
			}
		}
	}
}

func TestStretchesOfASeries(t *testing.T) {
	got, err := aggregation.Stretches("2024-01-30", "2024-03-02", aggregationv1.GetStatusSeriesRequest_BUCKET_MONTH)
	want := []aggregation.Stretch{{Start: "2024-01-30", End: "2024-01-31"}, {Start: "2024-02-01", End: "2024-02-29"}, {Start: "2024-03-01", End: "2024-03-02"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("= %v, %v", got, err)
	}
	if got, err := aggregation.Stretches("2024-01-01", "2025-02-03", aggregationv1.GetStatusSeriesRequest_BUCKET_DAY); err != nil || len(got) != aggregation.Points {
		t.Errorf("400 days = %d, %v", len(got), err)
	}
	if _, err := aggregation.Stretches("2024-01-01", "2025-02-04", aggregationv1.GetStatusSeriesRequest_BUCKET_DAY); !errors.Is(err, aggregation.ErrSeriesTooLong) {
		t.Errorf("401 days = %v", err)
	}
}

// Every reason of the contract is declared, and every one of them is given by
// some test of this package or of the server.
func TestEveryReasonIsDeclared(t *testing.T) {
	declared := map[string]bool{}
	for _, f := range []*fault.Fault{
		aggregation.ErrMetricUnknown, aggregation.ErrMetricHasNoSeries, aggregation.ErrCategoryAlone, aggregation.ErrPeriodEmpty,
		aggregation.ErrSeriesTooLong, aggregation.ErrFormUnknown, aggregation.ErrPeriodOpen, aggregation.ErrNilOrRows,
		aggregation.ErrSequenceReused, aggregation.ErrGapsTooMany, aggregation.ErrReportIllegalMove, aggregation.ErrFieldUnknown,
		aggregation.ErrValueOutOfRange, aggregation.ErrRowUnitUnknown, aggregation.ErrCodeAmbiguous, aggregation.ErrCampaignInvalid,
		aggregation.ErrRowTwice, aggregation.ErrFigureTaken, aggregation.ErrSuperseded, aggregation.ErrTooManyCompared,
		aggregation.ErrNoTargets, aggregation.ErrTargetExists, aggregation.ErrTargetPeriod, aggregation.ErrTargetFixed, aggregation.ErrTargetsTooMany,
		aggregation.ErrNotAwaited, aggregation.ErrNotLate, aggregation.ErrUrgedToday, aggregation.ErrMetricMissing,
	} {
		declared["REASON_"+f.Reason] = true
	}
	for number, name := range aggregationv1.Reason_name {
		if number != 0 && !declared[name] {
			t.Errorf("%s has no fault", name)
		}
	}
}
