package server_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

type problem = rectificationv1.Problem

func TestWhatAUnitFindsItselfThreeOfItsPeoplePutRight(t *testing.T) {
	w := begin(t)
	done := suitetest.OK[*problem](t)
	p := w.problem(t, w.clerk, w.ledger(t).GetName(), selfCheck("问题"))
	if w.plan(t, p.GetName(), "2026-03-31"); p.GetAccepted() {
		t.Error("what the unit entered counts for superiors at once")
	}
	w.submit(t, p.GetName())
	_, err := w.as(w.supervisor).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: p.GetName()})
	want(t, "a supervisor who closes what the unit found", err, rectification.ErrProblemNotYoursToDecide)
	done(w.as(w.leader).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: p.GetName()}))
	_, err = w.as(w.leader).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: p.GetName()})
	want(t, "closing what one verified", err, rectification.ErrProblemSamePerson)
	p = done(w.as(w.head).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: p.GetName()}))
	if p.GetState() != rectificationv1.Problem_STATE_CLOSED || p.GetSubmitter() != w.clerk.Name || p.GetVerifier() != w.leader.Name || p.GetCloser() != w.head.Name {
		t.Errorf("closed = %v", p)
	}
	p = done(w.as(w.supervisor).ReopenProblem(t.Context(), &rectificationv1.ReopenProblemRequest{Name: p.GetName(), Reason: "回头看又发现"}))
	if p.GetReopens() != 1 || p.GetState() != rectificationv1.Problem_STATE_REOPENED {
		t.Errorf("reopened = %v", p)
	}
	done(w.as(w.clerk).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: p.GetName()}))
	p = done(w.as(w.clerk).ProgressProblem(t.Context(), &rectificationv1.ProgressProblemRequest{Name: p.GetName(), Text: "再整改", Percent: 50}))
	if len(p.GetProgress()) != 1 || p.GetProgress()[0].GetAuthor() != w.clerk.Name {
		t.Errorf("progress = %v", p.GetProgress())
	}
	w.sound(t)
}

func TestWhoRectifiedDoesNotVerifyWhoeverIsResponsibleLater(t *testing.T) {
	w := begin(t)
	done := suitetest.OK[*problem](t)
	name := w.problem(t, w.clerk, w.ledger(t).GetName(), selfCheck("问题")).GetName()
	leader := w.as(w.leader)
	done(leader.PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
		Name: name, Cause: "原因", Measures: "措施", Deadline: "2026-03-31", LeaderResponsible: w.head.Name, PersonResponsible: w.leader.Name,
	}))
	done(leader.StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: name}))
	done(leader.ProgressProblem(t.Context(), &rectificationv1.ProgressProblemRequest{Name: name, Text: "整改", Percent: 90}))
	done(w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, PersonResponsible: w.clerk.Name}}))
	file := suitetest.OK[*blobv1.Attachment](t)(w.as(w.clerk).CreateAttachment(t.Context(), &blobv1.CreateAttachmentRequest{
		Parent: name, Attachment: &blobv1.Attachment{FileName: "记录.txt"}, Content: []byte("整改记录"),
	}))
	done(w.as(w.clerk).SubmitProblem(t.Context(), &rectificationv1.SubmitProblemRequest{Name: name, Evidence: []string{file.GetName()}}))
	_, err := leader.VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name})
	want(t, "verifying what one rectified", err, rectification.ErrProblemSamePerson)
}

func TestWhoOnlyPlannedStartedOrProvedItDoesNotVerify(t *testing.T) {
	w := begin(t)
	done := suitetest.OK[*problem](t)
	l := w.ledger(t)
	for what, work := range map[string]func(name string){
		"changing": func(name string) {
			done(w.as(w.leader).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, Cause: "别的原因"}}))
		},
		"planning": func(name string) {
			done(w.as(w.leader).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{Name: name, Measures: "别的措施"}))
		},
		"starting": func(name string) {
			done(w.as(w.leader).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: name}))
		},
		"adding a file to": func(name string) {
			req := &blobv1.CreateAttachmentRequest{Parent: name, Attachment: &blobv1.Attachment{FileName: "照片.txt"}, Content: []byte(name)}
			suitetest.OK[*blobv1.Attachment](t)(w.as(w.leader).CreateAttachment(t.Context(), req))
		},
	} {
		name := w.problem(t, w.clerk, l.GetName(), selfCheck(what)).GetName()
		w.plan(t, name, "2026-03-31")
		work(name)
		w.submit(t, name)
		_, err := w.as(w.leader).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: name})
		want(t, "verifying after "+what+" it", err, rectification.ErrProblemSamePerson)
	}
	w.sound(t)
}

func TestWhatOthersFindASuperiorCloses(t *testing.T) {
	w := begin(t)
	done := suitetest.OK[*problem](t)
	l := w.ledger(t)
	given := selfCheck("上级交办的问题")
	given.Source = rectificationv1.Problem_SOURCE_SUPERIOR
	_, err := w.as(w.clerk).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: given})
	want(t, "a unit that enters for its superior", err, rectification.ErrProblemSourceNotAllowed)
	_, err = w.as(w.supervisor).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: selfCheck("x")})
	want(t, "a superior who checks for the unit", err, rectification.ErrProblemSourceNotAllowed)
	p := w.problem(t, w.supervisor, l.GetName(), given)
	if !p.GetAccepted() {
		t.Error("what a superior entered does not count")
	}
	_, err = w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: p.GetName(), Description: "没有问题"}})
	want(t, "rewording it", err, rectification.ErrProblemFindingFixed)
	w.plan(t, p.GetName(), "")
	w.submit(t, p.GetName())
	_, err = w.as(w.leader).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: p.GetName()})
	want(t, "the unit that verifies it", err, rectification.ErrProblemNotYoursToDecide)
	_, err = w.as(w.head).ReturnProblem(t.Context(), &rectificationv1.ReturnProblemRequest{Name: p.GetName(), Reason: "x"})
	want(t, "the unit that returns it", err, rectification.ErrProblemNotYoursToDecide)
	p = done(w.as(w.supervisor).ReturnProblem(t.Context(), &rectificationv1.ReturnProblemRequest{Name: p.GetName(), Reason: "佐证不足"}))
	if p.GetReturns() != 1 || p.GetReason() != "佐证不足" {
		t.Errorf("returned = %v", p)
	}
	w.submit(t, p.GetName())
	done(w.as(w.supervisor).VerifyProblem(t.Context(), &rectificationv1.VerifyProblemRequest{Name: p.GetName()}))
	_, err = w.as(w.head).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: p.GetName()})
	want(t, "the unit that closes it", err, rectification.ErrProblemNotYoursToDecide)
	_, err = w.as(w.supervisor).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: p.GetName()})
	want(t, "who verified it closes it", err, rectification.ErrProblemSamePerson)
	done(w.as(w.bureauLeader).CloseProblem(t.Context(), &rectificationv1.CloseProblemRequest{Name: p.GetName()}))
}

func TestAfterFilingADeadlineMovesByExtensionAlone(t *testing.T) {
	w := begin(t)
	done := suitetest.OK[*problem](t)
	l := w.ledger(t)
	name := w.problem(t, w.clerk, l.GetName(), selfCheck("问题")).GetName()
	w.plan(t, name, "2026-03-31")
	ask := func(deadline string) (*problem, error) {
		return w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: name, Deadline: deadline, Reason: "工期不足"})
	}
	_, err := ask("2026-04-30")
	want(t, "extending before filing", err, rectification.ErrProblemNotFiled)
	w.plan(t, name, "2026-04-15")
	w.file(t, l.GetName())
	_, err = w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, Deadline: "2026-12-31"}})
	want(t, "moving a filed deadline", err, rectification.ErrProblemDeadlineFixed)
	done(ask("2026-04-30"))
	_, err = ask("2026-05-31")
	want(t, "a second wish", err, rectification.ErrProblemExtensionPending)
	p := done(w.as(w.supervisor).RefuseExtension(t.Context(), &rectificationv1.RefuseExtensionRequest{Name: name, Reason: "理由不足"}))
	if p.GetDeadline() != "2026-04-15" || p.GetExtensions()[0].GetState() != rectificationv1.Extension_STATE_REFUSED {
		t.Errorf("refused = %v", p)
	}
	done(ask("2026-05-31"))
	p = done(w.as(w.bureauLeader).ApproveExtension(t.Context(), &rectificationv1.ApproveExtensionRequest{Name: name}))
	if p.GetDeadline() != "2026-05-31" || p.GetOriginalDeadline() != "2026-04-15" || p.GetFiledVersion() != 0 {
		t.Errorf("approved = %v", p)
	}
	if l = suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()})); !l.GetPendingChanges() {
		t.Error("another deadline awaits no supplementary version")
	}
	done(w.as(w.supervisor).CancelProblem(t.Context(), &rectificationv1.CancelProblemRequest{Name: name, Reason: "不属本单位"}))
}

func TestSubmittingNeedsAttachmentsOfTheProblem(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	one, two := w.problem(t, w.clerk, l.GetName(), selfCheck("一")), w.problem(t, w.clerk, l.GetName(), selfCheck("二"))
	w.plan(t, one.GetName(), "2026-03-31")
	w.plan(t, two.GetName(), "2026-03-31")
	evidence := w.submit(t, two.GetName()).GetEvidence()
	suitetest.OK[*problem](t)(w.as(w.clerk).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: one.GetName()}))
	_, err := w.as(w.clerk).SubmitProblem(t.Context(), &rectificationv1.SubmitProblemRequest{Name: one.GetName()})
	want(t, "no evidence", err, rectification.ErrProblemEvidenceMissing)
	at(t, err, "evidence")
	_, err = w.as(w.clerk).SubmitProblem(t.Context(), &rectificationv1.SubmitProblemRequest{Name: one.GetName(), Evidence: evidence})
	want(t, "another problem's evidence", err, rectification.ErrProblemEvidenceUnknown)
	at(t, err, "evidence[0]")
	_, err = w.as(w.clerk).CreateAttachment(t.Context(), &blobv1.CreateAttachmentRequest{
		Parent: two.GetName(), Attachment: &blobv1.Attachment{FileName: "late.txt"}, Content: []byte("late"),
	})
	want(t, "a file after submitting", err, rectification.ErrProblemIllegalMove)
	got := suitetest.OK[*blobv1.GetAttachmentResponse](t)(w.as(w.supervisor).GetAttachment(t.Context(), &blobv1.GetAttachmentRequest{Name: evidence[0]}))
	if string(got.GetContent()) != "整改记录0-0" {
		t.Errorf("content = %q", got.GetContent())
	}
	if files := suitetest.OK[*blobv1.ListAttachmentsResponse](t)(w.as(w.viewer).ListAttachments(t.Context(), &blobv1.ListAttachmentsRequest{Parent: two.GetName()})); len(files.GetAttachments()) != 1 {
		t.Errorf("files = %v", files)
	}
	_, err = w.as(w.stranger).GetAttachment(t.Context(), &blobv1.GetAttachmentRequest{Name: evidence[0]})
	want(t, "a stranger who reads a file", err, authz.ErrNotFound)
}

func TestAComplaintBecomesAProblemInItsServicesOwnName(t *testing.T) {
	w := begin(t)
	complaint := w.service("complaint")
	ensure := &rectificationv1.EnsureLedgerRequest{Unit: w.school, RequestId: "complaint-1"}
	l := suitetest.OK[*rectificationv1.Ledger](t)(complaint.EnsureLedger(t.Context(), ensure))
	again := suitetest.OK[*rectificationv1.Ledger](t)(complaint.EnsureLedger(t.Context(), &rectificationv1.EnsureLedgerRequest{Unit: w.school}))
	if again.GetName() != l.GetName() || again.GetEtag() != l.GetEtag() {
		t.Errorf("ensured twice: %v and %v", l, again)
	}
	p := selfCheck("群众反映的问题")
	_, err := complaint.CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: p})
	want(t, "a complaint as self-check", err, rectification.ErrProblemSourceNotAllowed)
	p.Source = rectificationv1.Problem_SOURCE_COMPLAINT
	entered := suitetest.OK[*problem](t)(complaint.CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: p}))
	if !entered.GetAccepted() {
		t.Error("what a complaint brought does not count")
	}
	_, err = complaint.GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: entered.GetName()})
	want(t, "reading what it entered", err, authn.ErrUnauthenticated)
	_, err = w.service("evaluation").EnsureLedger(t.Context(), ensure)
	want(t, "another service", err, authn.ErrUnauthenticated)
	_, err = w.as(w.head).EnsureLedger(t.Context(), ensure)
	want(t, "a person", err, authz.ErrDenied)
	for _, by := range []suitetest.Person{w.clerk, w.supervisor} {
		_, err = w.as(by).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: p})
		want(t, "a person who enters a complaint", err, rectification.ErrProblemSourceNotAllowed)
	}
}

func TestProblemsAreListedByLedgerUnitCampaignAndFilter(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	for i := range 3 {
		p := w.problem(t, w.clerk, l.GetName(), selfCheck(fmt.Sprint("问题", i)))
		w.plan(t, p.GetName(), fmt.Sprintf("2026-0%d-01", 3+i))
	}
	other := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.stranger).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: w.other}}))
	w.problem(t, w.stranger, other.GetName(), selfCheck("别校问题"))
	for what, c := range map[string]struct {
		by   suitetest.Person
		req  *rectificationv1.ListProblemsRequest
		want int
	}{
		"of a ledger":          {w.viewer, &rectificationv1.ListProblemsRequest{Parent: l.GetName()}, 3},
		"that the school sees": {w.viewer, &rectificationv1.ListProblemsRequest{Parent: "ledgers/-"}, 3},
		"that the bureau sees": {w.supervisor, &rectificationv1.ListProblemsRequest{Parent: "ledgers/-"}, 4},
		"of a unit":            {w.supervisor, &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", Unit: w.other}, 1},
		"of no such campaign":  {w.supervisor, &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", Campaign: "campaigns/none"}, 0},
		"that are due":         {w.supervisor, &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", Filter: `state = PLANNED AND deadline <= "2026-04-01"`}, 2},
		"a page of two":        {w.supervisor, &rectificationv1.ListProblemsRequest{Parent: l.GetName(), PageSize: 2}, 2},
	} {
		if got := suitetest.OK[*rectificationv1.ListProblemsResponse](t)(w.as(c.by).ListProblems(t.Context(), c.req)).GetProblems(); len(got) != c.want {
			t.Errorf("%s: %d problems, want %d", what, len(got), c.want)
		}
	}
	_, err := w.as(w.viewer).ListProblems(t.Context(), &rectificationv1.ListProblemsRequest{Parent: other.GetName()})
	want(t, "listing an invisible ledger", err, authz.ErrNotFound)
	for _, unit := range []string{w.other, "units/none"} {
		_, err = w.as(w.viewer).ListProblems(t.Context(), &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", Unit: unit})
		if f := fault.As(err); f == nil || !f.Is(authz.ErrNotFound) || len(f.Fields) != 1 || f.Fields[0].Path != "unit" {
			t.Errorf("of %s, which the caller does not see: %v", unit, err)
		}
	}
}

func TestAStaleEtagAndARepeatChangeNothing(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	req := &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: selfCheck("问题"), RequestId: "r"}
	first := suitetest.OK[*problem](t)(w.as(w.clerk).CreateProblem(t.Context(), req))
	if again := suitetest.OK[*problem](t)(w.as(w.clerk).CreateProblem(t.Context(), req)); again.GetName() != first.GetName() {
		t.Errorf("the repeat made %s beside %s", again.GetName(), first.GetName())
	}
	w.plan(t, first.GetName(), "2026-03-31")
	_, err := w.as(w.clerk).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: first.GetName(), Etag: first.GetEtag()})
	want(t, "an old etag", err, change.ErrEtagStale)
	_, err = w.as(w.clerk).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: first.GetName(), ValidateOnly: true})
	want(t, "validate_only", err, nil)
	if p := suitetest.OK[*problem](t)(w.as(w.clerk).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: first.GetName()})); p.GetState() != rectificationv1.Problem_STATE_PLANNED {
		t.Errorf("validate_only left %v", p.GetState())
	}
	_, err = w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: first.GetName()}})
	want(t, "an update of nothing", err, nil)
}

// calls is every method that changes something, as c calls it.
func calls(t *testing.T, c rectificationv1.RectificationServiceClient, w *world, ledger, name, inspection string) map[string]error {
	ctx := t.Context()
	all := map[string]error{}
	note := func(method string, err error) { all[method] = err }
	err := func(_ any, err error) error { return err }
	note("CreateLedger", err(c.CreateLedger(ctx, &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: w.school}})))
	note("SignLedger", err(c.SignLedger(ctx, &rectificationv1.SignLedgerRequest{Name: ledger, ContentDigest: rectification.Digest(ledger, nil)})))
	note("FileLedger", err(c.FileLedger(ctx, &rectificationv1.FileLedgerRequest{Name: ledger})))
	note("AcknowledgeLedger", err(c.AcknowledgeLedger(ctx, &rectificationv1.AcknowledgeLedgerRequest{Name: ledger})))
	note("ReturnLedger", err(c.ReturnLedger(ctx, &rectificationv1.ReturnLedgerRequest{Name: ledger, Reason: "r"})))
	note("RecordLedgerReply", err(c.RecordLedgerReply(ctx, &rectificationv1.RecordLedgerReplyRequest{Name: ledger, DocumentNumber: "1"})))
	note("CreateProblem", err(c.CreateProblem(ctx, &rectificationv1.CreateProblemRequest{Parent: ledger, Problem: selfCheck("p")})))
	note("UpdateProblem", err(c.UpdateProblem(ctx, &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, Cause: "c"}})))
	note("PlanProblem", err(c.PlanProblem(ctx, &rectificationv1.PlanProblemRequest{Name: name})))
	note("StartProblem", err(c.StartProblem(ctx, &rectificationv1.StartProblemRequest{Name: name})))
	note("ProgressProblem", err(c.ProgressProblem(ctx, &rectificationv1.ProgressProblemRequest{Name: name, Text: "t"})))
	note("SubmitProblem", err(c.SubmitProblem(ctx, &rectificationv1.SubmitProblemRequest{Name: name})))
	note("VerifyProblem", err(c.VerifyProblem(ctx, &rectificationv1.VerifyProblemRequest{Name: name})))
	note("CloseProblem", err(c.CloseProblem(ctx, &rectificationv1.CloseProblemRequest{Name: name})))
	note("ReturnProblem", err(c.ReturnProblem(ctx, &rectificationv1.ReturnProblemRequest{Name: name, Reason: "r"})))
	note("ReopenProblem", err(c.ReopenProblem(ctx, &rectificationv1.ReopenProblemRequest{Name: name, Reason: "r"})))
	note("CancelProblem", err(c.CancelProblem(ctx, &rectificationv1.CancelProblemRequest{Name: name, Reason: "r"})))
	note("ExtendProblem", err(c.ExtendProblem(ctx, &rectificationv1.ExtendProblemRequest{Name: name, Deadline: "2026-05-01", Reason: "r"})))
	note("ApproveExtension", err(c.ApproveExtension(ctx, &rectificationv1.ApproveExtensionRequest{Name: name})))
	note("RefuseExtension", err(c.RefuseExtension(ctx, &rectificationv1.RefuseExtensionRequest{Name: name, Reason: "r"})))
	note("CreateAttachment", err(c.CreateAttachment(ctx, &blobv1.CreateAttachmentRequest{Parent: name, Attachment: &blobv1.Attachment{FileName: "f"}, Content: []byte("x")})))
	note("CreateInspection", err(c.CreateInspection(ctx, &rectificationv1.CreateInspectionRequest{Inspection: &rectificationv1.Inspection{
		Unit: w.bureau, Title: "t", Team: []string{w.supervisor.Name}, Targets: []string{w.school},
	}})))
	note("RecordInspection", err(c.RecordInspection(ctx, &rectificationv1.RecordInspectionRequest{Name: inspection, Target: w.school, Summary: "s"})))
	note("ConcludeInspection", err(c.ConcludeInspection(ctx, &rectificationv1.ConcludeInspectionRequest{Name: inspection, Conclusion: "c"})))
	return all
}

func TestNoChangeIsLeftOut(t *testing.T) {
	w := begin(t)
	called := calls(t, w.as(w.viewer), w, "ledgers/l", "ledgers/l/problems/0001", "inspections/i")
	methods := rectificationv1.File_duban_rectification_v1_rectification_proto.Services().Get(0).Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		rule := proto.GetExtension(m.Options(), accessv1.E_Rule).(*accessv1.Rule)
		if _, ok := called[string(m.Name())]; !ok && rule.GetEvent() != "" && len(rule.GetRoles()) > 0 {
			t.Errorf("nobody is refused %s", m.Name())
		}
	}
}

func TestEveryChangeIsRefusedToWhomItIsNotFor(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	p := w.problem(t, w.clerk, l.GetName(), selfCheck("问题"))
	i := w.inspection(t, false, w.school)
	for method, err := range calls(t, w.as(w.stranger), w, l.GetName(), p.GetName(), i.GetName()) {
		want(t, method+" by a stranger with every role", err, authz.ErrNotFound)
	}
	for method, err := range calls(t, w.as(w.viewer), w, l.GetName(), p.GetName(), i.GetName()) {
		want(t, method+" by a viewer", err, authz.ErrDenied)
	}
	machine := w.Machine(w.school, accessv1.Role_ROLE_VIEWER)
	for method, err := range calls(t, w.as(machine), w, l.GetName(), p.GetName(), i.GetName()) {
		want(t, method+" by a machine", err, authz.ErrDenied)
	}
	for method, err := range calls(t, w.Rectification(""), w, l.GetName(), p.GetName(), i.GetName()) {
		want(t, method+" by the public", err, authn.ErrUnauthenticated)
	}
	for _, method := range []string{"SignLedger", "AcknowledgeLedger", "ReturnLedger", "CancelProblem", "ApproveExtension", "RefuseExtension", "VerifyProblem", "CloseProblem"} {
		want(t, method+" by a clerk", calls(t, w.as(w.clerk), w, l.GetName(), p.GetName(), i.GetName())[method], authz.ErrDenied)
	}
	own := calls(t, w.as(w.leader), w, l.GetName(), p.GetName(), i.GetName())
	for _, method := range []string{"SignLedger", "AcknowledgeLedger", "ReturnLedger", "CancelProblem", "ApproveExtension", "RefuseExtension"} {
		want(t, method+" by the unit's own leader", own[method], authz.ErrDenied)
	}
	above := calls(t, w.as(w.bureauLeader), w, l.GetName(), p.GetName(), i.GetName())
	for _, method := range []string{"CreateLedger", "SignLedger", "FileLedger", "UpdateProblem", "PlanProblem", "StartProblem", "SubmitProblem", "ExtendProblem", "CreateAttachment"} {
		want(t, method+" by a leader above", above[method], authz.ErrDenied)
	}
}

func TestWhoIsResponsibleIsInOfficeInTheUnit(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	officer, gone := w.Person(w.office, viewer), w.Person(w.school, viewer)
	_, err := w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
		Name: gone.Name, Posts: []*organizationv1.Post{{Unit: w.school, Kind: organizationv1.Post_KIND_STAFF, EndDate: "2026-01-31"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, refusal := range map[string]error{
		w.clerk.Name: nil, officer.Name: nil, // of a department
		w.school + "/members/nobody": rectification.ErrProblemPersonUnknown, "某某": rectification.ErrProblemPersonUnknown,
		w.stranger.Name: rectification.ErrProblemPersonUnknown, w.supervisor.Name: rectification.ErrProblemPersonUnknown,
		gone.Name: rectification.ErrProblemPersonUnknown,
	} {
		found := selfCheck("问题")
		found.PersonResponsible = name
		_, err := w.as(w.clerk).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: found})
		want(t, "entering "+name, err, refusal)
	}
	p := w.problem(t, w.clerk, l.GetName(), selfCheck("问题"))
	_, err = w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: p.GetName(), LeaderResponsible: w.stranger.Name}})
	want(t, "a leader of another school", err, rectification.ErrProblemPersonUnknown)
	at(t, err, "problem.leader_responsible")
	_, err = w.as(w.clerk).PlanProblem(t.Context(), &rectificationv1.PlanProblemRequest{
		Name: p.GetName(), Cause: "c", Measures: "m", Deadline: "2020-01-01", LeaderResponsible: w.leader.Name, PersonResponsible: w.clerk.Name,
	})
	at(t, err, "deadline")
	_, err = w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: p.GetName(), Deadline: "2020-01-01"}})
	want(t, "a deadline that is past", err, rectification.ErrProblemDeadlineOutside)
	at(t, err, "problem.deadline")
}
