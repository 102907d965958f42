package server_test

import (
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// atTheTop is a world whose people are those of the topmost unit: a clerk, a head, two leaders
// and a supervisor.
func atTheTop(t *testing.T) *world {
	t.Helper()
	w := begin(t)
	w.school = w.Root
	w.clerk, w.leader, w.head = w.Person(w.Root, clerk), w.Person(w.Root, leader), w.Person(w.Root, head)
	w.supervisor, w.bureauLeader = w.Person(w.Root, supervisor), w.Person(w.Root, leader)
	return w
}

// What the topmost unit found itself is asked of all its leaders and supervisors, though its head worked on it:
// nobody is above, and who is free to is let through.
func TestTheTopmostUnitsLeadersCloseWhatItsHeadWorkedOn(t *testing.T) {
	w := atTheTop(t)
	w.post(t, w.bureauLeader.Name, w.other) // out of office at first
	name := w.submitted(t, w.head, selfCheck("一"))
	w.letThrough(t, name, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, "verifying")
	p := w.read(t, name)
	if p.GetVerifier() != w.leader.Name || !p.GetCloseAbove() {
		t.Fatalf("verified by %s; none was free to close: %v", p.GetVerifier(), p.GetCloseAbove())
	}
	w.post(t, w.bureauLeader.Name, w.Root)
	want(t, "the head, who worked on it", w.judge(t, w.head, "closing", name), rectification.ErrProblemSamePerson)
	w.letThrough(t, name, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM, "closing")
	if got := w.read(t, name).GetCloser(); got != w.supervisor.Name {
		t.Errorf("closed by %s", got)
	}
	w.sound(t)
}

// What others found in the topmost unit its leaders verify and close who do not lead it: it has
// no superior here, and nobody else could ever.
func TestTheTopmostUnitsLeadersDecideOnWhatOthersFoundThere(t *testing.T) {
	for _, source := range []rectificationv1.Problem_Source{rectificationv1.Problem_SOURCE_LETTER, rectificationv1.Problem_SOURCE_AUDIT} {
		w := atTheTop(t)
		found := selfCheck("来信反映")
		found.Source = source
		name := w.submitted(t, w.clerk, found)
		want(t, "verifying by who leads it", w.judge(t, w.leader, "verifying", name), rectification.ErrProblemSamePerson)
		want(t, "verifying by who is no leader", w.judge(t, w.clerk, "verifying", name), authz.ErrDenied)
		w.letThrough(t, name, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, "verifying")
		want(t, "closing by who leads it", w.judge(t, w.leader, "closing", name), rectification.ErrProblemSamePerson)
		w.letThrough(t, name, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM, "closing")
		p := w.read(t, name)
		if p.GetVerifier() == p.GetCloser() {
			t.Errorf("%s verified and closed it", p.GetCloser())
		}
		want(t, "reopening", w.judge(t, w.head, "reopening", name), nil)
	}
}

// What the topmost unit found in one that was merged into it since is its leaders' too.
func TestWhatWasFoundInAUnitThatBecameTheTopmostIsDecidedThere(t *testing.T) {
	w := atTheTop(t)
	w.school = w.Unit("branch", w.Root, organizationv1.Unit_KIND_PROVINCE)
	office := w.clerk
	w.clerk = w.Person(w.school, clerk)
	w.leader = w.Person(w.school, leader)
	given := selfCheck("上级交办")
	given.Source = rectificationv1.Problem_SOURCE_SUPERIOR
	name := w.problem(t, w.supervisor, w.ledger(t).GetName(), given).GetName()
	w.plan(t, name, "")
	w.merge(t, w.school, w.Root)
	w.clerk = office
	w.submit(t, name)
	want(t, "verifying", w.judge(t, w.bureauLeader, "verifying", name), nil)
	want(t, "closing", w.judge(t, w.head, "closing", name), nil)
}

// Who verified or closed for the unit, and has come to the bureau since, does not say there
// whether that held.
func TestWhoDecidedForTheUnitDecidesNothingOnItAbove(t *testing.T) {
	w := begin(t)
	name := w.submitted(t, w.clerk, selfCheck("一"))
	verifier := w.Person(w.school)
	held := w.Grant(verifier.Name, w.school, head)
	w.post(t, verifier.Name, w.school)
	want(t, "verifying for the unit", w.judge(t, verifier, "verifying", name), nil)
	w.dismiss(t, held)
	w.moves(t, verifier.Name, w.school, w.bureau)
	w.Grant(verifier.Name, w.bureau, supervisor)
	want(t, "cancelling what one verified", w.judge(t, verifier, "cancelling", name), rectification.ErrProblemDeciderInvolved)
	want(t, "closing", w.judge(t, w.head, "closing", name), nil)
	want(t, "reopening what one verified", w.judge(t, verifier, "reopening", name), rectification.ErrProblemDeciderInvolved)
	want(t, "reopening", w.judge(t, w.supervisor, "reopening", name), nil)
	w.submit(t, name)
	want(t, "verifying again what one verified", w.judge(t, verifier, "verifying", name), rectification.ErrProblemDeciderInvolved)
	want(t, "verifying as superior", w.judge(t, w.supervisor, "verifying", name), nil)
	want(t, "closing again", w.judge(t, w.head, "closing", name), nil)
	want(t, "reopening by a superior who verified it as one", w.judge(t, w.supervisor, "reopening", name), nil)
	if got := suitetest.OK[*problem](t)(w.as(w.head).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: name})).GetFormer(); len(got) != 2 {
		t.Errorf("kept = %v, want who verified and who closed for the unit", got)
	}
}
