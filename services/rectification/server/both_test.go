package server_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// both heads the school and is a leader of the bureau above it.
func (w *world) both() suitetest.Person {
	p := w.Person(w.school, head)
	w.Grant(p.Name, w.bureau, leader)
	return p
}

// post lets a member serve in the unit, and nowhere else.
func (w *world) post(t *testing.T, member, unit string) {
	t.Helper()
	m := &organizationv1.Member{Name: member, Posts: []*organizationv1.Post{{Unit: unit, Kind: organizationv1.Post_KIND_DEPUTY}}}
	suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: m}))
	w.CatchUp()
}

// Who left the unit for the bureau decides on it from then on, but for what they
// themselves entered, worked on or led there.
func TestWhoLeftTheUnitDecidesOnItFromThenOn(t *testing.T) {
	w := begin(t)
	by := w.Person(w.school)
	held := w.Grant(by.Name, w.school, clerk)
	serves := func(posts ...*organizationv1.Post) {
		t.Helper()
		m := &organizationv1.Member{Name: by.Name, Posts: posts}
		suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: m}))
		w.CatchUp()
	}
	school := &organizationv1.Post{Unit: w.school, Kind: organizationv1.Post_KIND_DEPUTY}
	serves(school)
	l := w.ledger(t).GetName()
	entered, others, led := w.problem(t, by, l, selfCheck("登记")).GetName(), w.problem(t, w.clerk, l, selfCheck("他人")).GetName(), w.problem(t, w.clerk, l, selfCheck("负责")).GetName()
	for name, leader := range map[string]string{entered: w.leader.Name, others: w.leader.Name, led: by.Name} {
		w.planAs(t, &rectificationv1.PlanProblemRequest{
			Name: name, Cause: "原因", Measures: "措施", Deadline: "2026-05-31", LeaderResponsible: leader, PersonResponsible: w.clerk.Name,
		})
		w.submit(t, name)
	}
	w.file(t, l)
	suitetest.OK[*organizationv1.RoleGrant](t)(w.Organization(w.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: held}))
	school.EndDate = "2026-02-01"
	serves(school, &organizationv1.Post{Unit: w.bureau, Kind: organizationv1.Post_KIND_DEPUTY})
	w.Grant(by.Name, w.bureau, supervisor)
	for _, name := range []string{entered, led} {
		for _, how := range []string{"cancelling", "returning", "verifying"} {
			want(t, how+" what one had a part in", w.judge(t, by, how, name), rectification.ErrProblemDeciderInvolved)
		}
	}
	want(t, "verifying what one had no part in", w.judge(t, by, "verifying", others), nil)
	_, err := w.as(by).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l})
	want(t, "acknowledging", err, nil)
}

// Whoever belongs to the unit, by a post too, decides nothing of it as its superior,
// though they had no part in it; what it found itself they judge as its own.
func TestNobodyIsTheSuperiorOfTheirOwnUnit(t *testing.T) {
	w := begin(t)
	by := w.Person(w.bureau, leader, supervisor)
	w.post(t, by.Name, w.office)
	l := w.ledger(t)
	for _, by := range []suitetest.Person{w.both(), by} {
		ordered := w.ordered(t, w.supervisor, l.GetName()).GetName()
		w.plan(t, ordered, "")
		w.file(t, l.GetName())
		_, err := w.as(by).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()})
		want(t, "acknowledging", err, authz.ErrInvolved)
		_, err = w.as(by).ReturnLedger(t.Context(), &rectificationv1.ReturnLedgerRequest{Name: l.GetName(), Reason: "措施不具体"})
		want(t, "returning the ledger", err, authz.ErrInvolved)
		suitetest.OK[*problem](t)(w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: ordered, Deadline: "2026-05-31", Reason: "工期不足"}))
		w.submit(t, ordered)
		for _, j := range judgements {
			want(t, j.name+" what was ordered", w.judge(t, by, j.name, ordered), authz.ErrInvolved)
		}
		want(t, "verifying by another", w.judge(t, w.supervisor, "verifying", ordered), nil)
		want(t, "closing", w.judge(t, by, "closing", ordered), authz.ErrInvolved)
		own := w.problem(t, w.clerk, l.GetName(), selfCheck("自查问题")).GetName()
		w.plan(t, own, "2026-04-15")
		w.submit(t, own)
		mine := map[bool]error{true: nil, false: authz.ErrInvolved}[strings.HasPrefix(by.Name, w.school)]
		want(t, "verifying what the unit found", w.judge(t, by, "verifying", own), mine)
		suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.bureauLeader).ReturnLedger(t.Context(), &rectificationv1.ReturnLedgerRequest{Name: l.GetName(), Reason: "重来"}))
	}
}

// What was returned or reopened is not struck off by what was there before: something
// was done since, or shown.
func TestWhatWasReturnedTakesSomethingNew(t *testing.T) {
	w := begin(t)
	name := w.problem(t, w.clerk, w.ledger(t).GetName(), selfCheck("问题")).GetName()
	w.plan(t, name, "2026-04-15")
	again := func() (*problem, error) {
		p := w.read(t, name)
		if p.GetState() != rectificationv1.Problem_STATE_RECTIFYING {
			suitetest.OK[*problem](t)(w.as(w.clerk).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: name}))
		}
		return w.as(w.clerk).SubmitProblem(t.Context(), &rectificationv1.SubmitProblemRequest{Name: name, Evidence: p.GetEvidence()})
	}
	progress := func() {
		t.Helper()
		suitetest.OK[*problem](t)(w.as(w.clerk).ProgressProblem(t.Context(), &rectificationv1.ProgressProblemRequest{Name: name, Text: "已补做", Percent: 90}))
	}
	suitetest.OK[*problem](t)(w.as(w.clerk).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: name}))
	progress()
	w.submit(t, name)
	want(t, "returning", w.judge(t, w.supervisor, "returning", name), nil)
	_, err := again()
	want(t, "the same again", err, rectification.ErrProblemUnchanged)
	at(t, err, "evidence")
	copied := suitetest.OK[*blobv1.Attachment](t)(w.as(w.clerk).CreateAttachment(t.Context(), &blobv1.CreateAttachmentRequest{
		Parent: name, Attachment: &blobv1.Attachment{FileName: "新记录.txt"}, Content: []byte("整改记录0-0"),
	}))
	_, err = w.as(w.clerk).SubmitProblem(t.Context(), &rectificationv1.SubmitProblemRequest{Name: name, Evidence: []string{copied.GetName()}})
	want(t, "the same file by another name", err, rectification.ErrProblemUnchanged)
	progress()
	suitetest.OK[*problem](t)(again())
	want(t, "verifying", w.judge(t, w.supervisor, "verifying", name), nil)
	want(t, "closing", w.judge(t, w.head, "closing", name), nil)
	want(t, "reopening", w.judge(t, w.supervisor, "reopening", name), nil)
	_, err = again()
	want(t, "the same after it was reopened", err, rectification.ErrProblemUnchanged)
	w.submit(t, name) // with another file
}

// What is planned of a unit unannounced (暗访) its people find nowhere, whatever they may
// in the bureau, nor do they plan it.
func TestNobodyHearsOfAVisitToTheirOwnUnit(t *testing.T) {
	w := begin(t)
	is := suitetest.OK[*rectificationv1.Inspection](t)
	plan := func(by suitetest.Person) (*rectificationv1.Inspection, error) {
		return w.as(by).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{
			Inspection: &rectificationv1.Inspection{Unit: w.bureau, Title: "暗访", Team: []string{w.supervisor.Name}, Targets: []string{w.school, w.other}},
		})
	}
	i := is(plan(w.bureauLeader))
	both := w.both()
	w.Grant(both.Name, w.bureau, supervisor)
	_, err := plan(both)
	want(t, "planning it", err, rectification.ErrInspectionOwnUnit)
	_, err = w.as(both).GetInspection(t.Context(), &rectificationv1.GetInspectionRequest{Name: i.GetName()})
	want(t, "reading it", err, authz.ErrNotFound)
	_, err = w.as(both).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.school, Summary: "看"})
	want(t, "recording it", err, authz.ErrNotFound)
	_, err = w.as(both).ConcludeInspection(t.Context(), &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: "好"})
	want(t, "concluding it", err, authz.ErrNotFound)
	listed := suitetest.OK[*rectificationv1.ListInspectionsResponse](t)(w.as(both).ListInspections(t.Context(), &rectificationv1.ListInspectionsRequest{}))
	if len(listed.GetInspections()) > 0 {
		t.Errorf("a list has %v", listed)
	}
	is(w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.school, Summary: "看"}))
	own := is(w.as(w.head).GetInspection(t.Context(), &rectificationv1.GetInspectionRequest{Name: i.GetName()}))
	if got := is(w.as(both).GetInspection(t.Context(), &rectificationv1.GetInspectionRequest{Name: i.GetName()})); !proto.Equal(got, own) {
		t.Errorf("once visited it is %v, and to those of the school %v", got, own)
	}
}

// Who signed, filed, asked or worked for the unit decides on none of that as its
// superior, though they have left it.
func TestNobodyDecidesAsSuperiorWhatTheyDidForTheUnit(t *testing.T) {
	w := begin(t)
	both := w.Person(w.bureau, leader)
	lent := w.Grant(both.Name, w.school, head)
	w.head = both
	w.post(t, both.Name, w.school)
	l := w.ledger(t)
	name := w.problem(t, w.clerk, l.GetName(), selfCheck("问题")).GetName()
	w.plan(t, name, "2026-04-15")
	w.file(t, l.GetName())
	asked := suitetest.OK[*problem](t)(w.as(both).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: name, Deadline: "2026-05-31", Reason: "工期不足"}))
	if asked.GetExtensionAsker() != both.Name {
		t.Errorf("the asker = %q", asked.GetExtensionAsker())
	}
	suitetest.OK[*organizationv1.RoleGrant](t)(w.Organization(w.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: lent}))
	w.post(t, both.Name, w.bureau)
	_, err := w.as(both).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()})
	want(t, "acknowledging what one signed", err, rectification.ErrLedgerDeciderInvolved)
	_, err = w.as(both).ReturnLedger(t.Context(), &rectificationv1.ReturnLedgerRequest{Name: l.GetName(), Reason: "措施不具体"})
	want(t, "returning what one signed", err, rectification.ErrLedgerDeciderInvolved)
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.bureauLeader).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()}))

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
		{"the school's head", w.both(), authz.ErrInvolved},
		{"who works in its department", granted, authz.ErrInvolved},
		{"who only reads there", reader, nil},
		{"a leader of the bureau", w.bureauLeader, nil},
	} {
		_, err := w.as(c.by).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: given})
		want(t, c.what, err, c.want)
	}
}

func TestWhoLeadsWhatOthersFoundDoesNotStrikeItOff(t *testing.T) {
	w := begin(t)
	both := w.Person(w.bureau, leader)
	w.post(t, both.Name, w.school)
	l := w.ledger(t)
	given := selfCheck("上级交办的问题")
	given.Source = rectificationv1.Problem_SOURCE_SUPERIOR
	name := w.problem(t, w.supervisor, l.GetName(), given).GetName()
	suitetest.OK[*problem](t)(w.as(w.clerk).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
		Name: name, Cause: "原因", Measures: "措施", LeaderResponsible: both.Name, PersonResponsible: w.clerk.Name,
	}))
	w.post(t, both.Name, w.bureau) // who leaves the school, and still led it
	w.submit(t, name)
	_, err := w.as(both).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name})
	want(t, "who leads verifies", err, rectification.ErrProblemSamePerson)
	suitetest.OK[*problem](t)(w.as(w.supervisor).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name}))
	_, err = w.as(both).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: name})
	want(t, "who leads closes", err, rectification.ErrProblemSamePerson)
}
