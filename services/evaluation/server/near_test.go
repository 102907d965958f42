package server_test

import (
	"testing"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// TestARoundAgainWithoutOneRaterShowsNothing: neither when it is tallied, nor when a
// tally of it was tried out before that of the other.
func TestARoundAgainWithoutOneRaterShowsNothing(t *testing.T) {
	w := newWorld(t)
	first, again, many := w.open("first"), w.open("again"), w.open("many")
	w.voted(first, "served", 6, "satisfied", "fairly")
	w.voted(again, "served", 5, "satisfied", "fairly")
	w.voted(many, "served", 20, "satisfied", "fairly")
	for _, name := range []string{first, again, many} {
		w.closed(name)
	}
	tried := must[*evaluationv1.Round](t)(w.Evaluation(w.leader.Key).TallyRound(t.Context(), &evaluationv1.TallyRoundRequest{Name: again, ValidateOnly: true}))
	if tried.GetAverage() != "" || tried.AverageMilli != nil {
		t.Errorf("a tally that was tried out says %s", tried.GetAverage())
	}
	complete, suppressed := evaluationv1.Result_OUTCOME_COMPLETE, evaluationv1.Result_OUTCOME_SUPPRESSED
	for _, c := range []struct {
		name string
		want evaluationv1.Result_Outcome
	}{{first, complete}, {again, suppressed}, {many, complete}} {
		w.tallied(c.name)
		got := must[*evaluationv1.Result](t)(w.Evaluation(w.leader.Key).GetResult(t.Context(), result(c.name, w.school1)))
		if got.GetOutcome() != c.want || (got.GetBallots() > 0) != (c.want == complete) {
			t.Errorf("%s = %v, want %v", c.name, got, c.want)
		}
	}
}
