package server_test

import (
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// A topmost unit with a head and one leader closes what others found in it, led by that leader:
// its supervisor is the third person.
func TestATopmostUnitOfTwoLeadersClosesByItsSupervisor(t *testing.T) {
	for _, found := range []rectificationv1.Problem_Source{rectificationv1.Problem_SOURCE_LETTER, rectificationv1.Problem_SOURCE_SELF_CHECK} {
		w := atTheTop(t)
		w.post(t, w.bureauLeader.Name, w.other) // the second leader has left
		p := selfCheck("来信反映")
		p.Source = found
		planner := w.clerk
		if found == rectificationv1.Problem_SOURCE_SELF_CHECK {
			planner = w.head // who then neither verifies nor closes
		}
		name := w.submitted(t, planner, p)
		w.letThrough(t, name, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, "verifying")
		want(t, "closing by who leads it", w.judge(t, w.leader, "closing", name), rectification.ErrProblemSamePerson)
		w.letThrough(t, name, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM, "closing")
		if p := w.read(t, name); p.GetCloser() != w.supervisor.Name || p.GetVerifier() == p.GetCloser() {
			t.Errorf("%v: verified by %s, closed by %s", found, p.GetVerifier(), p.GetCloser())
		}
	}
}

// Another deadline is asked for where somebody can grant it: not in the topmost unit, nor for
// what was merged into it; what was asked for before that awaits nobody.
func TestNobodyIsAskedForAnotherDeadlineAtTheTop(t *testing.T) {
	w := atTheTop(t)
	extend := func(name string) error {
		_, err := w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: name, Deadline: "2026-06-01", Reason: "忙"})
		return err
	}
	own := w.problem(t, w.clerk, w.ledger(t).GetName(), selfCheck("一")).GetName()
	w.plan(t, own, "2026-04-15")
	top, lead := w.clerk, w.leader
	w.school = w.Unit("branch", w.Root, organizationv1.Unit_KIND_PROVINCE)
	w.clerk, w.leader = w.Person(w.school, clerk), w.Person(w.school, leader)
	merged := w.problem(t, w.clerk, w.ledger(t).GetName(), selfCheck("二")).GetName()
	w.plan(t, merged, "2026-04-15")
	w.SetTime(day(t, "2026-04-20"))
	want(t, "asking in a unit beneath", extend(merged), nil)
	w.merge(t, w.school, w.Root)
	w.clerk, w.leader = top, lead
	for _, name := range []string{own, merged} {
		err := extend(name)
		want(t, "asking at the top", err, rectification.ErrProblemSuperiorNone)
		at(t, err, "deadline")
	}
	w.submit(t, merged)
	w.letThrough(t, merged, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, "verifying") // once the worklist has it
	if asked := w.asked(t, merged, aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION); len(asked) > 0 {
		t.Errorf("%v are asked, who cannot grant it", asked)
	}
}

// What a unit filed before it was merged into the topmost one, that one's head records the
// reply to: nobody else could answer it.
func TestTheReplyToAMergedUnitsLedgerIsRecorded(t *testing.T) {
	w := atTheTop(t)
	top := w.head
	w.school = w.Unit("branch", w.Root, organizationv1.Unit_KIND_PROVINCE)
	w.clerk, w.head = w.Person(w.school, clerk), w.Person(w.school, head)
	name := w.file(t, w.ledger(t).GetName()).GetName()
	w.merge(t, w.school, w.Root)
	w.head = top
	l := suitetest.OK[*rectificationv1.Ledger](t)(w.as(top).RecordLedgerReply(t.Context(), &rectificationv1.RecordLedgerReplyRequest{Name: name, DocumentNumber: "示例函〔2026〕1号"}))
	if l.GetState() != rectificationv1.Ledger_STATE_ACKNOWLEDGED {
		t.Errorf("replied to: %v", l)
	}
}
