package server_test

import (
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// verifiedSelf is what the school found itself, the head planned and the deputy leads and
// verified.
func (w *world) verifiedSelf(t *testing.T) *problem {
	t.Helper()
	done, name := suitetest.OK[*problem](t), w.problem(t, w.clerk, w.ledger(t).GetName(), selfCheck("一")).GetName()
	done(w.as(w.head).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
		Name: name, Cause: "原因", Measures: "措施", Deadline: "2026-04-30", LeaderResponsible: w.leader.Name, PersonResponsible: w.clerk.Name,
	}))
	w.submit(t, name)
	return done(w.as(w.leader).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name}))
}

// In a small school the head plans and the deputy leads and verifies: none of its leaders is
// free to close what it found itself, and the bureau is asked to and does.
func TestWhatNobodyOfTheUnitIsFreeToCloseIsClosedAbove(t *testing.T) {
	w := begin(t)
	name := w.verifiedSelf(t).GetName()
	strike := func(by suitetest.Person) error {
		_, err := w.as(by).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: name})
		return err
	}
	const closing = aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM
	w.awaiting(t, "the supervisor", w.supervisor, closing)
	for _, by := range []suitetest.Person{w.head, w.leader} {
		want(t, "one who had a part in it", strike(by), rectification.ErrProblemSamePerson)
	}
	want(t, "the bureau", strike(w.supervisor), nil)
	w.awaiting(t, "the supervisor", w.supervisor)
}

// While a leader of the unit is free to, the bureau is not asked and closes nothing; once
// none is, it may.
func TestABureauClosesOnlyWhatNobodyBeneathIsFreeTo(t *testing.T) {
	w := begin(t)
	spare := w.Person(w.school)
	grant := w.Grant(spare.Name, w.school, leader)
	p := w.verifiedSelf(t)
	name := p.GetName()
	if p.GetCloseAbove() {
		t.Error("the bureau is asked while the unit's own are free")
	}
	strike := func() error {
		_, err := w.as(w.supervisor).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: name})
		return err
	}
	want(t, "the bureau, while one is free", strike(), rectification.ErrProblemNotYoursToDecide)
	w.dismiss(t, grant)
	want(t, "the bureau, once none is", strike(), nil)
	w.sound(t)
}
