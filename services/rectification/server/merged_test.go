package server_test

import (
	"fmt"
	"slices"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

func (w *world) merge(t *testing.T, unit, into string) {
	t.Helper()
	suitetest.OK[*organizationv1.Unit](t)(w.Organization(w.SystemAdmin).MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: unit, Into: into}))
}

// awaits are the actions that await somebody, as far as that is counted.
func (w *world) awaits(t *testing.T, by suitetest.Person) (actions []aggregationv1.WorkItem_Action) {
	t.Helper()
	res := suitetest.OK[*aggregationv1.ListWorkItemsResponse](t)(w.Aggregation(by.Key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: "units/-"}))
	for _, item := range res.GetWorkItems() {
		actions = append(actions, item.GetAction())
	}
	return actions
}

// awaiting waits until just these actions await somebody.
func (w *world) awaiting(t *testing.T, who string, by suitetest.Person, want ...aggregationv1.WorkItem_Action) {
	t.Helper()
	var got []aggregationv1.WorkItem_Action
	until(t, func() bool {
		got = w.awaits(t, by)
		return slices.Equal(got, want)
	}, func() string { return fmt.Sprintf("%s is awaited by %v, want %v", who, got, want) })
}

// What a merged unit left open is gone on with by those of the unit that it was
// merged into in the end, and by nobody else; who stands above that one is its
// superior.
func TestWhatAMergedUnitLeftOpenIsItsHeirs(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	p := w.problem(t, w.clerk, l.GetName(), selfCheck("一"))
	audit := selfCheck("二")
	audit.Source = rectificationv1.Problem_SOURCE_AUDIT
	second := w.problem(t, w.clerk, l.GetName(), audit)
	between := w.Unit("between", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.merge(t, w.school, between)
	w.merge(t, between, w.other)
	clerk, head, leader := w.Person(w.other, clerk), w.Person(w.other, head), w.Person(w.other, leader)
	bureauClerk := w.Person(w.bureau, accessv1.Role_ROLE_CLERK)

	plan := func(by suitetest.Person, name string) error {
		_, err := w.as(by).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
			Name: name, Cause: "管理不严", Measures: "加强巡查", Deadline: "2026-04-30", LeaderResponsible: leader.Name, PersonResponsible: clerk.Name,
		})
		return err
	}
	w.awaiting(t, "the clerk", clerk, aggregationv1.WorkItem_ACTION_PLAN_PROBLEM, aggregationv1.WorkItem_ACTION_PLAN_PROBLEM)
	w.awaiting(t, "the bureau's clerk", bureauClerk)
	want(t, "planning from above", plan(bureauClerk, p.GetName()), authz.ErrDenied)
	want(t, "planning", plan(clerk, p.GetName()), nil)
	want(t, "planning the other", plan(head, second.GetName()), nil)
	current := suitetest.OK[*rectificationv1.Ledger](t)(w.as(head).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()}))
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(head).SignLedger(t.Context(), &rectificationv1.SignLedgerRequest{Name: l.GetName(), ContentDigest: current.GetContentDigest()}))
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(clerk).FileLedger(t.Context(), &rectificationv1.FileLedgerRequest{Name: l.GetName()}))

	w.awaiting(t, "the leader", leader, aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM, aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM)
	w.awaiting(t, "the bureau's supervisor", w.supervisor, aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER)
	_, err := w.as(leader).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()})
	want(t, "acknowledging one's own ledger", err, authz.ErrDenied)
	_, err = w.as(w.supervisor).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()})
	want(t, "acknowledging from above", err, nil)
	w.sound(t)
}

// What awaited the superior before the merger awaits the superior of the heir.
func TestWhatAwaitsASuperiorFollowsTheHeir(t *testing.T) {
	w := begin(t)
	far := w.Unit("far", w.Root, organizationv1.Unit_KIND_DISTRICT)
	heir := w.Unit("heir", far, organizationv1.Unit_KIND_SCHOOL)
	next := w.Unit("next", w.Root, organizationv1.Unit_KIND_DISTRICT)
	near, elsewhere, nowhere := w.Person(far, supervisor), w.Person(next, supervisor), w.Person(heir, supervisor, leader)
	l := w.ledger(t)
	w.sign(t, l.GetName())
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).FileLedger(t.Context(), &rectificationv1.FileLedgerRequest{Name: l.GetName()}))
	w.problem(t, w.clerk, l.GetName(), selfCheck("一"))

	const acknowledge, plan = aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER, aggregationv1.WorkItem_ACTION_PLAN_PROBLEM
	w.awaiting(t, "the supervisor", w.supervisor, acknowledge)
	w.merge(t, w.school, heir)
	w.awaiting(t, "the old supervisor", w.supervisor)
	w.awaiting(t, "the heir's superior", near, acknowledge)
	w.awaiting(t, "the heir", nowhere, plan)
	suitetest.OK[*organizationv1.Unit](t)(w.Organization(w.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: heir, Parent: next}))
	w.awaiting(t, "the heir's old superior", near)
	w.awaiting(t, "the heir's new superior", elsewhere, acknowledge)
}

func TestAnArchivedUnitIsInspectedNoMore(t *testing.T) {
	w := begin(t)
	i := w.inspection(t, true, w.school, w.other)
	alone := w.inspection(t, true, w.school)
	w.merge(t, w.school, w.other)
	_, err := w.as(w.supervisor).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{Inspection: &rectificationv1.Inspection{
		Unit: w.bureau, Title: "检查", Team: []string{w.supervisor.Name}, Targets: []string{w.other, w.school},
	}})
	want(t, "a merged target", err, rectification.ErrInspectionTargetArchived)
	at(t, err, "inspection.targets[1]")
	record := func(target string) error {
		_, err := w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: target, Summary: "走访"})
		return err
	}
	conclude := func(name string) error {
		_, err := w.as(w.supervisor).ConcludeInspection(t.Context(), &rectificationv1.ConcludeInspectionRequest{Name: name, Conclusion: "办结"})
		return err
	}
	err = record(w.school)
	want(t, "a target merged since", err, rectification.ErrInspectionTargetArchived)
	at(t, err, "target")
	want(t, "concluding while one is left to visit", conclude(i.GetName()), rectification.ErrInspectionIllegalMove)
	want(t, "visiting the one that is left", record(w.other), nil)
	want(t, "concluding then", conclude(i.GetName()), nil)
	want(t, "concluding where nobody is left to visit", conclude(alone.GetName()), nil)
	w.awaiting(t, "the supervisor", w.supervisor)
}

// What an heir's people did not do themselves they verify and close as those of the
// merged unit would have: of what it found itself, and never as their own superior.
func TestTheHeirDecidesAsTheMergedUnitWould(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	audit := selfCheck("二")
	audit.Source = rectificationv1.Problem_SOURCE_AUDIT
	own, found := w.problem(t, w.clerk, l.GetName(), selfCheck("一")).GetName(), w.problem(t, w.supervisor, l.GetName(), audit).GetName()
	w.plan(t, own, "2026-04-30")
	w.plan(t, found, "")
	w.file(t, l.GetName())
	for _, name := range []string{own, found} {
		w.submit(t, name)
	}
	w.merge(t, w.school, w.other)
	first, second := w.Person(w.other, leader, supervisor), w.Person(w.other, head, leader)
	w.Grant(w.clerk.Name, w.other, leader) // who rectified both comes along

	verify := func(by suitetest.Person, name string) error {
		_, err := w.as(by).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name})
		return err
	}
	strike := func(by suitetest.Person, name string) error {
		_, err := w.as(by).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: name})
		return err
	}
	want(t, "verifying one's own work", verify(w.clerk, own), rectification.ErrProblemSamePerson)
	want(t, "verifying as the heir's leader", verify(first, own), nil)
	want(t, "closing what one verified", strike(first, own), rectification.ErrProblemSamePerson)
	want(t, "closing what one rectified", strike(w.clerk, own), rectification.ErrProblemSamePerson)
	want(t, "closing from above what the unit found", strike(w.bureauLeader, own), rectification.ErrProblemNotYoursToDecide)
	want(t, "closing as the heir's head", strike(second, own), nil)
	for _, by := range []suitetest.Person{first, second, w.clerk} {
		want(t, "verifying at the heir what others found", verify(by, found), rectification.ErrProblemNotYoursToDecide)
	}
	want(t, "verifying from above", verify(w.supervisor, found), nil)
	want(t, "closing at the heir what others found", strike(second, found), rectification.ErrProblemNotYoursToDecide)
	want(t, "closing from above", strike(w.bureauLeader, found), nil)
	w.sound(t)
}

// Whoever belongs to the heir enters nothing into the merged unit's ledger as its
// superior, nor concludes on a visit to it.
func TestWhoBelongsToTheHeirIsNoSuperior(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	insider := w.Person(w.other)
	w.Grant(insider.Name, w.bureau, supervisor)
	w.post(t, insider.Name, w.bureau)
	i := suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.supervisor).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{
		Inspection: &rectificationv1.Inspection{Unit: w.bureau, Title: "督查", Team: []string{w.supervisor.Name, insider.Name}, Targets: []string{w.school}},
	}))
	suitetest.OK[*rectificationv1.Inspection](t)(w.as(insider).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.school, Summary: "走访"}))
	order := selfCheck("一")
	order.Source = rectificationv1.Problem_SOURCE_SUPERIOR
	enter := func(by suitetest.Person) error {
		_, err := w.as(by).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: order})
		return err
	}
	conclude := func(by suitetest.Person) error {
		_, err := w.as(by).ConcludeInspection(t.Context(), &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: "办结"})
		return err
	}
	want(t, "an order before the merger", enter(insider), nil)
	w.merge(t, w.school, w.other)
	want(t, "an order to one's own", enter(insider), authz.ErrInvolved)
	want(t, "an order from above, which would be new work", enter(w.supervisor), rectification.ErrLedgerUnitArchived)
	want(t, "concluding on one's own", conclude(insider), rectification.ErrInspectionConcluderInvolved)
	want(t, "concluding", conclude(w.supervisor), nil)
}

// What a complaint orders of a merged unit comes into its heir's ledger, whether or not
// the merged unit has one.
func TestTheOrderOfAComplaintGoesToTheHeir(t *testing.T) {
	w := begin(t)
	between := w.Unit("between", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	ensure := func(unit string) *rectificationv1.Ledger {
		t.Helper()
		return suitetest.OK[*rectificationv1.Ledger](t)(w.service("complaint").EnsureLedger(t.Context(), &rectificationv1.EnsureLedgerRequest{Unit: unit}))
	}
	own := ensure(w.school)
	w.merge(t, w.school, between)
	w.merge(t, between, w.other)
	w.CatchUp()
	heirs := ensure(w.other)
	if own.GetUnit() != w.school || heirs.GetUnit() != w.other {
		t.Fatalf("the ledgers are of %s and %s", own.GetUnit(), heirs.GetUnit())
	}
	order := selfCheck("一")
	order.Source = rectificationv1.Problem_SOURCE_COMPLAINT
	for _, unit := range []string{w.school, between} {
		if l := ensure(unit); l.GetName() != heirs.GetName() {
			t.Errorf("that of %s is %v", unit, l)
		}
	}
	_, err := w.service("complaint").CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: heirs.GetName(), Problem: order})
	want(t, "what a complaint orders", err, nil)
}
