package server_test

import (
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// found enters a problem of the unit from above and waits until n of it are counted.
func (w *world) found(unit string, n int64) {
	w.T.Helper()
	clerk := w.Person(unit, accessv1.Role_ROLE_CLERK)
	l, err := w.Rectification(clerk.Key).CreateLedger(w.T.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: unit}})
	if err != nil {
		l = suitetest.OK[*rectificationv1.ListLedgersResponse](w.T)(w.Rectification(clerk.Key).ListLedgers(w.T.Context(), &rectificationv1.ListLedgersRequest{Unit: unit})).GetLedgers()[0]
	}
	suitetest.OK[*rectificationv1.Problem](w.T)(w.Rectification(w.supervisor.Key).CreateProblem(w.T.Context(), &rectificationv1.CreateProblemRequest{
		Parent: l.GetName(), Problem: &rectificationv1.Problem{
			Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SUPERIOR, Description: "答复不及时",
		},
	}))
	const many = 100_000
	for range many {
		status := suitetest.OK[*aggregationv1.Status](w.T)(w.Aggregation(w.supervisor.Key).GetStatus(w.T.Context(), &aggregationv1.GetStatusRequest{Name: unit, Metrics: []string{"metrics/problems_found"}}))
		if f := status.GetFigures(); len(f) == 1 && f[0].GetValue() == n {
			return
		}
	}
	w.T.Fatalf("%s never has %d problems", unit, n)
}

// scored casts two ballots of 90.5 points for everything in a special round.
func (w *world) scored(round string) {
	w.T.Helper()
	for _, code := range w.codes(round, "supervisors", 2) {
		var answers []*evaluationv1.Answer
		for _, s := range []string{w.school1, w.school2} {
			for _, i := range []string{"deploy", "carry", "effect"} {
				answers = append(answers, &evaluationv1.Answer{Subject: s, Indicator: i, Value: &evaluationv1.Answer_Score{Score: "90.5"}})
			}
		}
		suitetest.OK[string](w.T)(w.cast(round, code, answers))
	}
}

// entered is what is entered of both schools for a special round.
func (w *world) entered(value string) (all []*evaluationv1.Measure) {
	for _, s := range []string{w.school1, w.school2} {
		all = append(all, &evaluationv1.Measure{Subject: s, Indicator: "tasks", Value: value, Basis: "演示〔2026〕1 号"})
	}
	return all
}

// tallies tallies a round once its figures are heard of.
func (w *world) tallies(round string, measures ...*evaluationv1.Measure) (r *evaluationv1.Round, err error) {
	const many = 1000
	for range many {
		r, err = w.Evaluation(w.supervisor.Key).TallyRound(w.T.Context(), &evaluationv1.TallyRoundRequest{Name: round, Measures: measures})
		if reason(err) != "ROUND_FIGURE_PENDING" {
			break
		}
	}
	return r, err
}

// TestMeasuresAreRead: nobody enters what the registry tells, which counts as it was
// known when the round closed, and is kept with what it is a share of.
func TestMeasuresAreRead(t *testing.T) {
	w := newWorld(t)
	w.found(w.school1, 1)
	round := w.open("special", func(r *evaluationv1.Round) {
		r.Scheme, r.Groups = "evaluationSchemes/special", []*evaluationv1.RaterGroup{{Code: "supervisors", Credentials: 9}}
	})
	w.scored(round)
	w.SetTime(suitetest.Start.Add(time.Hour))
	w.closed(round)
	w.SetTime(suitetest.Start.Add(2 * time.Hour))
	w.found(w.school1, 2)
	w.found(w.school2, 1)
	typed := append(w.entered("80"), &evaluationv1.Measure{Subject: w.school1, Indicator: "closing", Value: "100", Basis: "无"})
	if _, err := w.tallies(round, typed...); reason(err) != "ROUND_MEASURE_INVALID" {
		t.Errorf("what is read is entered: %v", err)
	}
	suitetest.OK[*evaluationv1.Round](t)(w.tallies(round, w.entered("80")...))
	read := func(unit string) (*evaluationv1.Result, *evaluationv1.Measure) {
		r := suitetest.OK[*evaluationv1.Result](t)(w.Evaluation(w.supervisor.Key).GetResult(t.Context(), result(round, unit)))
		return r, r.GetMeasures()[1]
	}
	first, m := read(w.school1)
	if m.GetMetric() != "metrics/problems_closing_rate" || m.GetValue() != "0.0" || m.GetNumerator() != 0 || m.GetDenominator() != 1 || !m.GetAsOf().AsTime().Equal(suitetest.Start.Add(time.Hour)) || first.GetComposite() != "70.30" {
		t.Errorf("of one problem when it closed: %v, %v", m, first)
	}
	second, m := read(w.school2)
	if m.GetDenominator() != 0 || m.GetValue() != "" || second.GetOutcome() != evaluationv1.Result_OUTCOME_INCOMPLETE || second.GetRank() != 0 {
		t.Errorf("of no problem when it closed: %v, %v", m, second)
	}
	if m := second.GetMeasures()[0]; m.GetBasis() == "" || m.GetMetric() != "" {
		t.Errorf("what was entered is kept as %v", m)
	}
}
