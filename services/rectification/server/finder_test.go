package server_test

import (
	"context"
	"testing"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// judgements are the ways to judge a problem.
var judgements = []struct {
	name string
	do   func(context.Context, rectificationv1.RectificationServiceClient, string) (*problem, error)
}{
	{"cancelling", func(ctx context.Context, c rectificationv1.RectificationServiceClient, name string) (*problem, error) {
		return c.CancelProblem(ctx, &rectificationv1.CancelProblemRequest{Name: name, Reason: "重复", ValidateOnly: true})
	}},
	{"granting", func(ctx context.Context, c rectificationv1.RectificationServiceClient, name string) (*problem, error) {
		return c.ApproveExtension(ctx, &rectificationv1.ApproveExtensionRequest{Name: name})
	}},
	{"refusing", func(ctx context.Context, c rectificationv1.RectificationServiceClient, name string) (*problem, error) {
		return c.RefuseExtension(ctx, &rectificationv1.RefuseExtensionRequest{Name: name, Reason: "不予"})
	}},
	{"returning", func(ctx context.Context, c rectificationv1.RectificationServiceClient, name string) (*problem, error) {
		return c.ReturnProblem(ctx, &rectificationv1.ReturnProblemRequest{Name: name, Reason: "不足"})
	}},
	{"verifying", func(ctx context.Context, c rectificationv1.RectificationServiceClient, name string) (*problem, error) {
		return c.VerifyProblem(ctx, &rectificationv1.VerifyProblemRequest{Name: name})
	}},
	{"closing", func(ctx context.Context, c rectificationv1.RectificationServiceClient, name string) (*problem, error) {
		return c.CloseProblem(ctx, &rectificationv1.CloseProblemRequest{Name: name})
	}},
	{"reopening", func(ctx context.Context, c rectificationv1.RectificationServiceClient, name string) (*problem, error) {
		return c.ReopenProblem(ctx, &rectificationv1.ReopenProblemRequest{Name: name, Reason: "反弹"})
	}},
}

// judge has somebody judge a problem in one of the ways.
func (w *world) judge(t *testing.T, by suitetest.Person, how, name string) error {
	t.Helper()
	for _, j := range judgements {
		if j.name == how {
			_, err := j.do(t.Context(), w.as(by), name)
			return err
		}
	}
	t.Fatalf("nobody judges by %s", how)
	return nil
}

// inspected is a problem that somebody of the root found in the school by an inspection.
func (w *world) inspected(t *testing.T, by suitetest.Person) string {
	t.Helper()
	i := suitetest.OK[*rectificationv1.Inspection](t)(w.as(by).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{
		Inspection: &rectificationv1.Inspection{Unit: w.Root, Title: "市级督查", Announced: true, Team: []string{by.Name}, Targets: []string{w.school}},
	}))
	i = suitetest.OK[*rectificationv1.Inspection](t)(w.as(by).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{
		Name: i.GetName(), Target: w.school, Summary: "看", Findings: []*rectificationv1.Finding{finding("")},
	}))
	return i.GetVisits()[0].GetProblems()[0]
}

// ordered is a problem that a superior enters by hand.
func (w *world) ordered(t *testing.T, by suitetest.Person, ledger string) *problem {
	t.Helper()
	p := selfCheck("上级交办")
	p.Source = rectificationv1.Problem_SOURCE_SUPERIOR
	return w.problem(t, by, ledger, p)
}

// What a bureau found it decides on, or who stands above it; who stands between it and
// the unit judges nothing of it, in whatever state it is.
func TestWhatABureauFoundItDecidesOn(t *testing.T) {
	w := begin(t)
	first, second := w.Person(w.Root, supervisor), w.Person(w.Root, leader)
	l := w.ledger(t).GetName()
	for _, name := range []string{w.inspected(t, first), w.ordered(t, first, l).GetName()} {
		p := suitetest.OK[*problem](t)(w.as(w.clerk).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: name}))
		if p.GetFoundBy() != w.Root {
			t.Errorf("a problem from %v is found by %q", p.GetSource(), p.GetFoundBy())
		}
		between := func() {
			t.Helper()
			for _, by := range []suitetest.Person{w.supervisor, w.bureauLeader} {
				for _, j := range judgements {
					want(t, "a district's "+j.name+" of what the city found", w.judge(t, by, j.name, name), rectification.ErrProblemNotYoursToDecide)
				}
			}
		}
		decided := func(by suitetest.Person, how string) { t.Helper(); want(t, how, w.judge(t, by, how, name), nil) }
		w.plan(t, name, "")
		for _, how := range []string{"granting", "refusing"} {
			suitetest.OK[*problem](t)(w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{
				Name: name, Deadline: map[string]string{"granting": "2026-09-01", "refusing": "2029-02-01"}[how], Reason: "忙",
			}))
			between()
			decided(first, how)
		}
		w.submit(t, name)
		between()
		decided(first, "returning")
		w.submit(t, name)
		decided(first, "verifying")
		between()
		decided(second, "closing")
		between()
		decided(first, "reopening")
		decided(second, "cancelling")
	}
	p := w.ordered(t, w.supervisor, l)
	if p.GetFoundBy() != w.bureau {
		t.Errorf("what the bureau enters is found by %q", p.GetFoundBy())
	}
	for _, by := range []suitetest.Person{w.supervisor, second} {
		want(t, "cancelling what the bureau found", w.judge(t, by, "cancelling", p.GetName()), nil)
	}
	w.sound(t)
}

// What a complaint led to says of no desk that it heard it: whoever that was, the topmost
// unit alone drops it or puts it off, which is asked; who is nearer judges what was done.
func TestWhatAComplaintLedToIsNotDroppedNearby(t *testing.T) {
	w := begin(t)
	city := w.Person(w.Root, leader)
	led := selfCheck("群众反映的问题")
	led.Source = rectificationv1.Problem_SOURCE_COMPLAINT
	led = suitetest.OK[*problem](t)(w.service("complaint").CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: w.ledger(t).GetName(), Problem: led}))
	name := led.GetName()
	if led.GetFoundBy() != "" {
		t.Errorf("found by %q", led.GetFoundBy())
	}
	w.plan(t, name, "")
	denied := func(by suitetest.Person, hows ...string) {
		t.Helper()
		for _, how := range hows {
			want(t, how, w.judge(t, by, how, name), rectification.ErrProblemNotYoursToDecide)
		}
	}
	asked := suitetest.OK[*problem](t)(w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: name, Deadline: "2028-09-01", Reason: "忙"}))
	if got := asked.GetExtensions()[0].GetBureau(); got != w.Root {
		t.Errorf("an extension is asked of %q", got)
	}
	_, err := w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, Category: "OTHER"}})
	want(t, "calling it something else", err, rectification.ErrProblemFindingFixed)
	denied(w.bureauLeader, "granting", "refusing", "cancelling")
	want(t, "refusing from the top", w.judge(t, city, "refusing", name), nil)
	w.submit(t, name)
	denied(w.bureauLeader, "cancelling")
	for _, j := range []struct {
		by  suitetest.Person
		how string
	}{{w.supervisor, "verifying"}, {w.bureauLeader, "closing"}, {city, "reopening"}, {city, "cancelling"}} {
		want(t, j.how, w.judge(t, j.by, j.how, name), nil)
	}
	w.sound(t)
}

// What superiors struck off they alone reopen; what the unit found itself its leaders do, too.
func TestWhatSuperiorsStruckOffTheUnitDoesNotReopen(t *testing.T) {
	w := begin(t)
	l := w.ledger(t).GetName()
	led, audit := selfCheck("群众反映的问题"), selfCheck("审计发现的问题")
	led.Source, audit.Source = rectificationv1.Problem_SOURCE_COMPLAINT, rectificationv1.Problem_SOURCE_AUDIT
	audit.Deadline = "2026-04-15"
	led = suitetest.OK[*problem](t)(w.service("complaint").CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l, Problem: led}))
	for _, p := range []*problem{led, w.problem(t, w.clerk, l, audit)} {
		w.plan(t, p.GetName(), "")
		w.submit(t, p.GetName())
		want(t, "verifying", w.judge(t, w.supervisor, "verifying", p.GetName()), nil)
		want(t, "closing", w.judge(t, w.bureauLeader, "closing", p.GetName()), nil)
		for _, by := range []suitetest.Person{w.head, w.leader} {
			want(t, "the unit's reopening", w.judge(t, by, "reopening", p.GetName()), rectification.ErrProblemNotYoursToDecide)
		}
		want(t, "a superior's reopening", w.judge(t, w.supervisor, "reopening", p.GetName()), nil)
	}
	own := w.problem(t, w.clerk, l, selfCheck("问题")).GetName()
	w.plan(t, own, "2026-04-15")
	w.submit(t, own)
	want(t, "verifying", w.judge(t, w.supervisor, "verifying", own), nil)
	want(t, "closing", w.judge(t, w.head, "closing", own), nil)
	want(t, "reopening what the unit found", w.judge(t, w.leader, "reopening", own), nil)
}

// What a merged bureau found is its heir's to decide on, and that of those above both
// once the unit has gone elsewhere.
func TestWhatAMergedBureauFoundIsItsHeirs(t *testing.T) {
	w := begin(t)
	heir := w.Unit("heir", w.Root, organizationv1.Unit_KIND_DISTRICT)
	theirs, city := w.Person(heir, supervisor), w.Person(w.Root, supervisor)
	name := w.ordered(t, w.supervisor, w.ledger(t).GetName()).GetName()
	move := &organizationv1.MoveUnitRequest{Name: w.school, Parent: heir}
	suitetest.OK[*organizationv1.Unit](t)(w.Organization(w.SystemAdmin).MoveUnit(t.Context(), move))
	want(t, "a new superior's cancelling", w.judge(t, theirs, "cancelling", name), rectification.ErrProblemNotYoursToDecide)
	want(t, "cancelling from above both", w.judge(t, city, "cancelling", name), nil)
	move.Name = w.other
	suitetest.OK[*organizationv1.Unit](t)(w.Organization(w.SystemAdmin).MoveUnit(t.Context(), move))
	w.merge(t, w.bureau, heir)
	want(t, "the heir's cancelling", w.judge(t, theirs, "cancelling", name), nil)
}

// A ledger that is opened on a tree that lags behind has the day on which its unit was
// archived, as far as the service has heard of it.
func TestALedgerThatIsOpenedLateKnowsThatItsUnitIsGone(t *testing.T) {
	w := begin(t)
	w.alter(t, func(tx store.Tx) error {
		return tx.Put("rectification.archived", []byte(w.school), []byte("2026-03-20"))
	})
	if l := w.ledger(t); l.GetUnitArchiveDate() != "2026-03-20" {
		t.Errorf("the ledger says that its unit was archived on %q", l.GetUnitArchiveDate())
	}
}
