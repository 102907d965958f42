package server_test

import (
	"testing"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// both heads the school and is a leader of the bureau above it.
func (w *world) both() suitetest.Person {
	p := w.Person(w.school, head)
	w.Grant(p.Name, w.bureau, leader)
	return p
}

func TestNobodyDecidesAsSuperiorWhatTheyDidForTheUnit(t *testing.T) {
	w := begin(t)
	both := w.both()
	w.head = both
	l := w.ledger(t)
	name := w.problem(t, w.clerk, l.GetName(), selfCheck("问题")).GetName()
	w.plan(t, name, "2026-04-15")
	w.file(t, l.GetName())
	_, err := w.as(both).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()})
	want(t, "acknowledging what one signed", err, rectification.ErrLedgerDeciderInvolved)
	_, err = w.as(both).ReturnLedger(t.Context(), &rectificationv1.ReturnLedgerRequest{Name: l.GetName(), Reason: "措施不具体"})
	want(t, "returning what one signed", err, rectification.ErrLedgerDeciderInvolved)
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.bureauLeader).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()}))

	asked := suitetest.OK[*problem](t)(w.as(both).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: name, Deadline: "2026-05-31", Reason: "工期不足"}))
	if asked.GetExtensionAsker() != both.Name {
		t.Errorf("the asker = %q", asked.GetExtensionAsker())
	}
	_, err = w.as(both).ApproveExtension(t.Context(), &rectificationv1.ApproveExtensionRequest{Name: name})
	want(t, "granting what one asked for", err, rectification.ErrProblemDeciderInvolved)
	_, err = w.as(both).RefuseExtension(t.Context(), &rectificationv1.RefuseExtensionRequest{Name: name, Reason: "不允"})
	want(t, "refusing what one asked for", err, rectification.ErrProblemDeciderInvolved)
	_, err = w.as(both).CancelProblem(t.Context(), &rectificationv1.CancelProblemRequest{Name: name, Reason: "不属本单位"})
	want(t, "cancelling what one worked on", err, rectification.ErrProblemDeciderInvolved)
	suitetest.OK[*problem](t)(w.as(w.bureauLeader).ApproveExtension(t.Context(), &rectificationv1.ApproveExtensionRequest{Name: name}))
}

func TestNobodyEntersAsSuperiorIntoTheirOwnUnitsLedger(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	granted := w.Person(w.bureau, leader) // and clerk of a department of the school
	w.Grant(granted.Name, w.office, clerk)
	reader := w.Person(w.bureau, leader)
	w.Grant(reader.Name, w.school, viewer)
	given := selfCheck("上级交办的问题")
	given.Source = rectificationv1.Problem_SOURCE_SUPERIOR
	for _, c := range []struct {
		what string
		by   suitetest.Person
		want error
	}{
		{"the school's head", w.both(), rectification.ErrProblemDeciderInvolved},
		{"who works in its department", granted, rectification.ErrProblemDeciderInvolved},
		{"who only reads there", reader, nil},
		{"a leader of the bureau", w.bureauLeader, nil},
	} {
		_, err := w.as(c.by).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: given})
		want(t, c.what, err, c.want)
	}
}

func TestWhoLeadsWhatOthersFoundDoesNotStrikeItOff(t *testing.T) {
	w := begin(t)
	both := w.both()
	l := w.ledger(t)
	given := selfCheck("上级交办的问题")
	given.Source = rectificationv1.Problem_SOURCE_SUPERIOR
	name := w.problem(t, w.supervisor, l.GetName(), given).GetName()
	suitetest.OK[*problem](t)(w.as(w.clerk).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
		Name: name, Cause: "原因", Measures: "措施", LeaderResponsible: both.Name, PersonResponsible: w.clerk.Name,
	}))
	w.submit(t, name)
	_, err := w.as(both).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name})
	want(t, "who leads verifies", err, rectification.ErrProblemSamePerson)
	suitetest.OK[*problem](t)(w.as(w.supervisor).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name}))
	_, err = w.as(both).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: name})
	want(t, "who leads closes", err, rectification.ErrProblemSamePerson)
}
