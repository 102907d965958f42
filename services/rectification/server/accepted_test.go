package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// A superior reads what they acknowledged beside what the unit has made of it since,
// and finds problems by either; another level awaits a version as another text does.
func TestASuperiorReadsWhatWasAcknowledged(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	found := selfCheck("问题")
	found.Category, found.Item = "LAVISH", "LAVISH-1"
	p := w.problem(t, w.clerk, l.GetName(), found)
	w.plan(t, p.GetName(), "2026-03-31")
	w.file(t, l.GetName())
	acknowledge := func() {
		suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.bureauLeader).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()}))
	}
	acknowledge()
	suitetest.OK[*problem](t)(w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{
		Problem: &problem{Name: p.GetName(), Level: rectificationv1.Problem_LEVEL_STAFF},
	}))
	ledger := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.supervisor).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()}))
	want := &rectificationv1.AcceptedContent{
		Category: "LAVISH", Item: "LAVISH-1", Level: rectificationv1.Problem_LEVEL_UNIT, Deadline: "2026-03-31",
		FiledProblem: l.GetName() + "/versions/0001/problems/0001",
		Description:  "问题", Cause: "原因", Measures: "措施",
	}
	read := suitetest.OK[*problem](t)(w.as(w.supervisor).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: p.GetName()}))
	if diff := cmp.Diff(want, read.GetAcceptedContent(), protocmp.Transform()); diff != "" || read.GetFiledVersion() != 0 || !ledger.GetPendingChanges() {
		t.Errorf("after a change of level, filed in %d, ledger pending %v; accepted (-want +got):\n%s", read.GetFiledVersion(), ledger.GetPendingChanges(), diff)
	}
	w.file(t, l.GetName())
	acknowledge()
	want.Level, want.FiledProblem = rectificationv1.Problem_LEVEL_STAFF, l.GetName()+"/versions/0002/problems/0001"
	list := suitetest.OK[*rectificationv1.ListProblemsResponse](t)(w.as(w.supervisor).ListProblems(t.Context(), &rectificationv1.ListProblemsRequest{
		Parent: l.GetName(), Filter: `accepted_content.level = LEVEL_STAFF AND accepted_content.category = "LAVISH"`,
	})).GetProblems()
	if len(list) != 1 || cmp.Diff(want, list[0].GetAcceptedContent(), protocmp.Transform()) != "" {
		t.Errorf("found by what was acknowledged: %v, want %v", list, want)
	}
	filed := suitetest.OK[*rectificationv1.ListFiledProblemsResponse](t)(w.as(w.supervisor).ListFiledProblems(t.Context(), &rectificationv1.ListFiledProblemsRequest{
		Parent: l.GetName() + "/versions/0002",
	})).GetFiledProblems()
	if filed[0].GetName() != want.GetFiledProblem() || filed[0].GetLevel() != want.GetLevel() {
		t.Errorf("version 2 has %v", filed)
	}
	w.sound(t)
}

// A unit that tightens its deadline while the superior reads what was filed is not held
// to that by the superior, who knows of what was filed alone.
func TestADeadlineThatWasNotFiledIsNotAccepted(t *testing.T) {
	w := begin(t)
	l := w.ledger(t).GetName()
	name := w.problem(t, w.clerk, l, selfCheck("问题")).GetName()
	w.plan(t, name, "2026-05-20")
	w.file(t, l)
	suitetest.OK[*problem](t)(w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, Deadline: "2026-04-25"}}))
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.bureauLeader).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l}))
	if p := w.read(t, name); p.GetDeadline() != "2026-04-25" || p.GetAcceptedContent().GetDeadline() != "2026-05-20" {
		t.Errorf("promised %s; counts by %s, want 2026-05-20", p.GetDeadline(), p.GetAcceptedContent().GetDeadline())
	}
	w.file(t, l)
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.bureauLeader).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l}))
	if p := w.read(t, name); p.GetAcceptedContent().GetDeadline() != "2026-04-25" {
		t.Errorf("filed again, it counts by %v", p.GetAcceptedContent())
	}
}

// A ledger that is never filed, as standing ones are, lets the unit move what is its
// own to set: not what a superior or a complaint set, and nothing once it has passed.
func TestADeadlineOfOthersOrOneThatHasPassedMovesByExtensionAlone(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	given, complained, own := selfCheck("上级交办的问题"), selfCheck("群众反映的问题"), selfCheck("自查问题")
	given.Source, given.Deadline = rectificationv1.Problem_SOURCE_SUPERIOR, "2026-07-25"
	complained.Source, complained.Deadline = rectificationv1.Problem_SOURCE_COMPLAINT, "2026-07-25"
	complained = suitetest.OK[*problem](t)(w.service("complaint").CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: complained}))
	given, own = w.problem(t, w.supervisor, l.GetName(), given), w.problem(t, w.clerk, l.GetName(), own)
	w.plan(t, own.GetName(), "2026-03-31")
	w.plan(t, own.GetName(), "2026-04-30")
	for what, p := range map[string]*problem{"what a superior set": given, "what a complaint set": complained} {
		w.fixed(t, what, p.GetName())
		w.plan(t, p.GetName(), "") // by the deadline that it has
		w.fixed(t, what+", planned", p.GetName())
		w.plan(t, p.GetName(), "2026-07-20") // earlier, which binds as well
		w.fixed(t, what+", planned earlier", p.GetName())
		if p := w.read(t, p.GetName()); p.GetDeadline() != "2026-07-20" || p.GetAcceptedContent().GetDeadline() != "2026-07-25" {
			t.Errorf("%s, planned earlier: %s, and for superiors %s", what, p.GetDeadline(), p.GetAcceptedContent().GetDeadline())
		}
		_, err := w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: p.GetName(), Deadline: "2026-07-25"}})
		want(t, "going back on it", err, rectification.ErrProblemDeadlineFixed)
	}
	w.SetTime(day(t, "2026-05-01"))
	w.fixed(t, "what has passed", own.GetName())
	for _, p := range []*problem{given, complained, own} {
		first := w.extend(t, p.GetName(), "2026-09-30").GetOriginalDeadline()
		w.fixed(t, "what was granted", p.GetName())
		if again := w.extend(t, p.GetName(), "2026-10-31"); again.GetDeadline() != "2026-10-31" || again.GetOriginalDeadline() != first || first == "" {
			t.Errorf("extended twice, of %q first: %v", first, again)
		}
		if again := w.extend(t, p.GetName(), "2026-11-30"); again.GetAccepted() && again.GetAcceptedContent().GetDeadline() != "2026-11-30" {
			t.Errorf("granted, and superiors know of %v", again.GetAcceptedContent())
		}
	}
}

// fixed says that the unit cannot move the deadline of a problem itself.
func (w *world) fixed(t *testing.T, what, name string) {
	t.Helper()
	_, err := w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, Deadline: "2028-12-31"}})
	want(t, "changing "+what, err, rectification.ErrProblemDeadlineFixed)
	at(t, err, "problem.deadline")
	_, err = w.as(w.clerk).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
		Name: name, Cause: "原因", Measures: "措施", Deadline: "2028-12-31", LeaderResponsible: w.leader.Name, PersonResponsible: w.clerk.Name,
	})
	if p := w.read(t, name); p.GetDeadline() == "2028-12-31" || err == nil {
		t.Errorf("planning %s away = %v, deadline %s", what, err, p.GetDeadline())
	}
}

// read is the problem as its clerk reads it.
func (w *world) read(t *testing.T, name string) *problem {
	t.Helper()
	return suitetest.OK[*problem](t)(w.as(w.clerk).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: name}))
}

// extend has the unit ask for another deadline, and the superior grant it.
func (w *world) extend(t *testing.T, name, deadline string) *problem {
	t.Helper()
	suitetest.OK[*problem](t)(w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: name, Deadline: deadline, Reason: "工期不足"}))
	return suitetest.OK[*problem](t)(w.as(w.Person(w.Root, leader)).ApproveExtension(t.Context(), &rectificationv1.ApproveExtensionRequest{Name: name}))
}
