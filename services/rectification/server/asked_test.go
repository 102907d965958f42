package server_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// retires has the post end by which a member served in the unit; no role is taken away.
func (w *world) retires(t *testing.T, member, unit string) {
	t.Helper()
	suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
		Name: member, Posts: []*organizationv1.Post{{Unit: unit, Kind: organizationv1.Post_KIND_DEPUTY, EndDate: "2026-01-31"}},
	}}))
	w.CatchUp()
}

// moves has the post end by which a member served in a unit, and another begin elsewhere.
func (w *world) moves(t *testing.T, member, from, to string) {
	t.Helper()
	suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
		Name: member, Posts: []*organizationv1.Post{{Unit: from, Kind: organizationv1.Post_KIND_DEPUTY, EndDate: "2026-01-31"}, {Unit: to, Kind: organizationv1.Post_KIND_DEPUTY}},
	}}))
	w.CatchUp()
}

// submitted is a problem that the clerk has rectified, whom somebody planned it for under the leader.
func (w *world) submitted(t *testing.T, planner suitetest.Person, p *rectificationv1.Problem) string {
	t.Helper()
	name := w.problem(t, w.clerk, w.ledger(t).GetName(), p).GetName()
	suitetest.OK[*problem](t)(w.as(planner).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
		Name: name, Cause: "原因", Measures: "措施", Deadline: "2026-04-30", LeaderResponsible: w.leader.Name, PersonResponsible: w.clerk.Name,
	}))
	w.submit(t, name)
	return name
}

// Whose post in the unit is over decides nothing for it, whatever role is still granted:
// who is in office does, and once nobody is, the bureau.
func TestWhoIsOutOfOfficeDecidesNothingForTheUnit(t *testing.T) {
	w := begin(t)
	name := w.submitted(t, w.clerk, selfCheck("一"))
	w.retires(t, w.leader.Name, w.school)
	for _, how := range []string{"verifying", "returning"} {
		want(t, how+" out of every office", w.judge(t, w.leader, how, name), authz.ErrPostsOver)
	}
	w.moves(t, w.leader.Name, w.school, w.other)
	want(t, "verifying by who has moved elsewhere", w.judge(t, w.leader, "verifying", name), authz.ErrPostsOver)
	w.post(t, w.leader.Name, w.other)
	refused := func(hows ...string) {
		t.Helper()
		for _, how := range hows {
			want(t, how+" out of office", w.judge(t, w.leader, how, name), rectification.ErrProblemDeciderOutside)
		}
	}
	refused("verifying", "returning")
	want(t, "verifying in office", w.judge(t, w.head, "verifying", name), nil)
	refused("returning")
	want(t, "closing while nobody in office is free to", w.judge(t, w.supervisor, "closing", name), nil)
	refused("reopening")
	want(t, "reopening in office", w.judge(t, w.head, "reopening", name), nil)
}

// Who led a problem before it was reopened, and has come to the bureau since, decides
// nothing on it there, whoever leads it now.
func TestWhoLedBeforeItWasReopenedDecidesNothingAbove(t *testing.T) {
	w := begin(t)
	former := w.Person(w.school)
	held := w.Grant(former.Name, w.school, leader)
	own := w.leader
	w.leader = former
	w.post(t, former.Name, w.school)
	name := w.submitted(t, w.clerk, selfCheck("一"))
	want(t, "verifying", w.judge(t, own, "verifying", name), nil)
	want(t, "closing", w.judge(t, w.head, "closing", name), nil)
	want(t, "reopening", w.judge(t, w.supervisor, "reopening", name), nil)
	changed := suitetest.OK[*problem](t)(w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, LeaderResponsible: own.Name}}))
	if got := changed.GetFormer(); !slices.Contains(got, former.Name) {
		t.Errorf("kept = %v, want who led it among them", got)
	}
	w.dismiss(t, held)
	w.moves(t, former.Name, w.school, w.bureau)
	w.Grant(former.Name, w.bureau, supervisor)
	for _, how := range []string{"cancelling", "verifying", "returning", "closing", "reopening"} {
		switch how {
		case "verifying":
			w.submit(t, name)
		case "closing":
			want(t, "verifying by another", w.judge(t, w.supervisor, "verifying", name), nil)
			w.retires(t, own.Name, w.school)
			w.retires(t, w.head.Name, w.school)
		case "reopening":
			want(t, "closing by another", w.judge(t, w.bureauLeader, "closing", name), nil)
		}
		want(t, how+" what one led before", w.judge(t, former, how, name), rectification.ErrProblemDeciderInvolved)
	}
	w.sound(t)
}

// Whoever is asked to verify, to close or to decide on an extension is let through, but for
// those who had a part in it, and somebody is: whoever of the unit is in office, free or not.
func TestWhoeverIsAskedIsLetThrough(t *testing.T) {
	audit := selfCheck("审计发现")
	audit.Source, audit.Deadline = rectificationv1.Problem_SOURCE_AUDIT, "2026-04-15"
	for name, c := range map[string]struct {
		found   *rectificationv1.Problem
		planner func(*world) suitetest.Person
		leave   func(*testing.T, *world)
	}{
		"its own, all in office": {selfCheck("一"), nil, nil},
		"its own, none in office": {selfCheck("一"), nil, func(t *testing.T, w *world) {
			w.retires(t, w.leader.Name, w.school)
			w.retires(t, w.head.Name, w.school)
		}},
		"its own, one has left":     {selfCheck("一"), nil, func(t *testing.T, w *world) { w.retires(t, w.leader.Name, w.school) }},
		"its own, the head planned": {selfCheck("一"), func(w *world) suitetest.Person { return w.head }, nil},
		"its own, the head planned it for who is gone": {
			selfCheck("一"), func(w *world) suitetest.Person { return w.head }, func(t *testing.T, w *world) { w.retires(t, w.leader.Name, w.school) },
		},
		"others'": {audit, nil, func(t *testing.T, w *world) { w.retires(t, w.head.Name, w.school) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			planner := w.clerk
			if c.planner != nil {
				planner = c.planner(w)
			}
			p := w.problem(t, w.clerk, w.ledger(t).GetName(), c.found).GetName()
			suitetest.OK[*problem](t)(w.as(planner).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
				Name: p, Cause: "原因", Measures: "措施", Deadline: "2026-04-15", LeaderResponsible: w.leader.Name, PersonResponsible: w.clerk.Name,
			}))
			if c.leave != nil {
				c.leave(t, w)
			}
			w.submit(t, p)
			w.letThrough(t, p, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, "verifying")
			w.letThrough(t, p, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM, "closing")
			want(t, "reopening", w.judge(t, w.supervisor, "reopening", p), nil)
			w.SetTime(day(t, "2026-04-20"))
			suitetest.OK[*problem](t)(w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: p, Deadline: "2026-06-01", Reason: "忙"}))
			w.letThrough(t, p, aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION, "granting")
		})
	}
}

// letThrough has all who are asked to do something with a problem try, until one has.
func (w *world) letThrough(t *testing.T, name string, action aggregationv1.WorkItem_Action, how string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	asked := w.asked(t, name, action)
	for ; len(asked) == 0; asked = w.asked(t, name, action) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nobody is asked for %v", action)
		}
	}
	for _, by := range w.asked(t, name, action) { // of whom some were looked at before it came
		switch err := w.judge(t, by, how, name); {
		case err == nil:
			return
		case !errors.Is(err, rectification.ErrProblemSamePerson):
			t.Errorf("%s is asked for %v, and %s is refused: %v", by.Name, action, how, err)
		}
	}
	t.Fatalf("of %d who are asked nobody is let through to %s", len(asked), how)
}

// asked are those of the school and the bureau on whose own list an action on a problem is.
func (w *world) asked(t *testing.T, name string, action aggregationv1.WorkItem_Action) (asked []suitetest.Person) {
	t.Helper()
	for _, by := range []suitetest.Person{w.clerk, w.leader, w.head, w.viewer, w.stranger, w.supervisor, w.bureauLeader} {
		list, err := w.Aggregation(by.Key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: "units/-"})
		if err != nil && !errors.Is(err, authz.ErrPostsOver) { // who has left every post is asked nothing
			t.Fatal(err)
		}
		for _, item := range list.GetWorkItems() {
			if item.GetSubject() == name && item.GetAction() == action {
				asked = append(asked, by)
			}
		}
	}
	return asked
}
