package rectification_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/rectification"
)

const (
	planned    = rectificationv1.Problem_STATE_PLANNED
	rectifying = rectificationv1.Problem_STATE_RECTIFYING
	submitted  = rectificationv1.Problem_STATE_SUBMITTED
	verified   = rectificationv1.Problem_STATE_VERIFIED
)

// byServer are the faults that need the store or the tree; the server's tests
// meet them.
var byServer = []*fault.Fault{
	rectification.ErrLedgerExists, rectification.ErrLedgerUnitArchived, rectification.ErrLedgerCampaignUnknown,
	rectification.ErrLedgerHasSuperior, rectification.ErrProblemSourceNotAllowed,
	rectification.ErrProblemNotYoursToDecide, rectification.ErrProblemEvidenceUnknown,
}

func opened(c *campaignv1.Campaign) error {
	_, err := rectification.NewLedger([]string{"units/school", "units/bureau"}, c, calendar.Builtin())
	return err
}

func entered(l *rectificationv1.Ledger, p *rectificationv1.Problem) error {
	_, _, err := rectification.Enter(l, p, rectification.Finder{}, now)
	return err
}

// ordered has a superior enter a problem into a ledger of so many.
func ordered(count int32) error {
	l := &rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_OPEN, ProblemCount: count}
	_, _, err := rectification.Enter(l, plannedProblem(planned), rectification.Finder{Others: true}, now)
	return err
}

// A unit cannot keep others from entering what they found, and all names have four digits.
func TestALedgerThatAUnitFilledHasRoomForOthers(t *testing.T) {
	for _, count := range []int32{rectification.MaxProblems, rectification.MaxProblems + rectification.MaxProblemsOfOthers - 1} {
		if err := ordered(count); err != nil {
			t.Errorf("a superior enters problem %d: %v", count+1, err)
		}
	}
	if most := rectification.MaxProblems + rectification.MaxProblemsOfOthers; most > 9_999 {
		t.Errorf("%d problems have no names", most)
	}
}

func edited(l *rectificationv1.Ledger, change func(p, wanted *rectificationv1.Problem)) error {
	p := plannedProblem(planned)
	wanted := proto.CloneOf(p)
	change(p, wanted)
	_, err := rectification.Edit(l, p, wanted, submitter, now)
	return err
}

// inOffice is the post of whoever signs.
var inOffice = &organizationv1.Post{Kind: organizationv1.Post_KIND_HEAD}

// signed has all that the ledger holds read and signed.
func signed(l *rectificationv1.Ledger, problems ...*rectificationv1.Problem) error {
	digest := rectification.Digest(l.GetName(), problems)
	_, err := rectification.Sign(l, &rectificationv1.Signature{Digest: digest}, inOffice, problems)
	return err
}

func unplanned(number int32) *rectificationv1.Problem {
	return &rectificationv1.Problem{Number: number, State: rectificationv1.Problem_STATE_IDENTIFIED}
}

func extended(l *rectificationv1.Ledger, p *rectificationv1.Problem, deadline string) error {
	_, err := rectification.Extend(l, p, wish(deadline))
	return err
}

func recorded(v rectification.Visited, change func(*rectificationv1.Inspection)) error {
	i := inspection()
	change(i)
	_, err := rectification.Record(i, v, places{})
	return err
}

func planning(change func(*rectificationv1.Inspection)) error {
	i := inspection()
	change(i)
	return plannedBy("units/bureau/members/planner", i)
}

func plannedBy(who string, i *rectificationv1.Inspection) error {
	_, err := rectification.NewInspection("inspections/i", i, who, places{}, serving)
	return err
}

var taxonomy = []*rectificationv1.Category{{Code: "A", Items: []string{"A-1", "A-2"}}, {Code: "B"}}

func asked(p *rectificationv1.Problem, n int) *rectificationv1.Problem {
	for range n {
		p.Extensions = append(p.Extensions, &rectificationv1.Extension{State: rectificationv1.Extension_STATE_REFUSED})
	}
	return p
}

var unfiled = &rectificationv1.Ledger{Name: "ledgers/x", State: rectificationv1.Ledger_STATE_OPEN}

// serving is who is in office: all but those whose names say otherwise.
func serving(_, member string) bool { return !strings.HasSuffix(member, "/gone") }

// files have these digests.
func files(digests ...string) (all []*blobv1.Attachment) {
	for _, d := range digests {
		all = append(all, &blobv1.Attachment{Name: "attachments/new", Digest: d})
	}
	return all
}

// settable sets something of a problem that has all.
func settable(do func(*rectificationv1.Problem)) error {
	p := plannedProblem(planned)
	wanted := proto.CloneOf(p)
	do(wanted)
	return rectification.Settable(p, wanted, now, serving)
}

// after goes on if what came before worked.
func after(_ *rectificationv1.Problem, err error, do func() error) error {
	if err != nil {
		return err
	}
	return do()
}

// handedOver has another take p over and submit it, and who verify it.
func handedOver(p *rectificationv1.Problem, who string) error {
	wanted := proto.CloneOf(p)
	wanted.PersonResponsible = submitter
	p, err := rectification.Edit(unfiled, p, wanted, submitter, now)
	if err != nil {
		return err
	}
	if p, err = rectification.Submit(p, submitting(submitter, []string{"a"})); err != nil {
		return err
	}
	_, err = rectification.Verify(p, who, []string{"free"})
	return err
}

// ledOnBy has p begun under its leader, who another becomes before it is submitted.
func ledOnBy(p *rectificationv1.Problem, another string) (*rectificationv1.Problem, error) {
	p, err := rectification.Start(p, submitter)
	if err != nil {
		return nil, err
	}
	wanted := proto.CloneOf(p)
	wanted.LeaderResponsible = another
	if p, err = rectification.Edit(unfiled, p, wanted, submitter, now); err != nil {
		return nil, err
	}
	return rectification.Submit(p, submitting(submitter, []string{"a"}))
}

// reopenedFrom is a problem that was struck off under one leader, reopened, and given to another.
func reopenedFrom(leader, another string) (*rectificationv1.Problem, error) {
	p := plannedProblem(planned)
	p.LeaderResponsible = leader
	p, err := rectification.Start(p, submitter)
	if err != nil {
		return nil, err
	}
	if p, err = rectification.Submit(p, submitting(submitter, []string{"a"})); err != nil {
		return nil, err
	}
	if p, err = rectification.Verify(p, verifier, []string{"free"}); err != nil {
		return nil, err
	}
	if p, err = rectification.Close(p, closer, now); err != nil {
		return nil, err
	}
	if p, err = rectification.Reopen(p, "why"); err != nil {
		return nil, err
	}
	wanted := proto.CloneOf(p)
	wanted.LeaderResponsible = another
	if p, err = rectification.Edit(unfiled, p, wanted, "third", now); err != nil {
		return nil, err
	}
	if p, err = rectification.Start(p, "third"); err != nil {
		return nil, err
	}
	return rectification.Submit(p, submitting("third", []string{"b"}))
}

// begunBy has who start p, another submit it, and the verifier verify it.
func begunBy(p *rectificationv1.Problem, who string) error {
	p, err := rectification.Start(p, who)
	return after(p, err, func() error { return handedOver(p, verifier) })
}

// refusals has, for every fault of the rules, what is refused for it.
var refusals = []struct {
	name  string
	fault *fault.Fault
	do    func() error
}{
	{"a draft", rectification.ErrLedgerCampaignNotPublished, func() error {
		return opened(&campaignv1.Campaign{Owner: "units/bureau", State: campaignv1.Campaign_STATE_DRAFT})
	}},
	{"a closed campaign", rectification.ErrLedgerCampaignNotPublished, func() error {
		return opened(&campaignv1.Campaign{Owner: "units/bureau", State: campaignv1.Campaign_STATE_CLOSED})
	}},
	{"another bureau's campaign", rectification.ErrLedgerCampaignForeign, func() error {
		return opened(&campaignv1.Campaign{Owner: "units/other", State: campaignv1.Campaign_STATE_PUBLISHED})
	}},
	{"filing without a signature", rectification.ErrLedgerIllegalMove, func() error {
		_, err := rectification.File(unfiled, nil, submitter, now, calendar.Builtin())
		return err
	}},
	{"signing what was not read", rectification.ErrLedgerDigestStale, func() error {
		_, err := rectification.Sign(unfiled, &rectificationv1.Signature{Digest: "read"}, inOffice, nil)
		return err
	}},
	{"signing out of office", rectification.ErrLedgerSignerOutside, func() error {
		_, err := rectification.Sign(unfiled, &rectificationv1.Signature{Digest: rectification.Digest(unfiled.GetName(), nil)}, nil, nil)
		return err
	}},
	{"signing what is filed", rectification.ErrLedgerNothingNew, func() error {
		return signed(filedLedger())
	}},
	{"signing what has no plan", rectification.ErrLedgerPlanMissing, func() error { return signed(unfiled, plannedProblem(planned), unplanned(2)) }},
	{"signing in a closed campaign", rectification.ErrLedgerCampaignClosed, func() error {
		return signed(rectification.Lapse(unfiled, "2026-03-10"), plannedProblem(planned))
	}},
	{"finding something in oneself in a closed campaign", rectification.ErrLedgerCampaignClosed, func() error {
		return entered(rectification.Lapse(unfiled, "2026-03-10"), plannedProblem(planned))
	}},
	{"a full ledger", rectification.ErrLedgerFull, func() error {
		return entered(&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_OPEN, ProblemCount: rectification.MaxProblems}, plannedProblem(planned))
	}},
	{"a ledger that is full of what others found", rectification.ErrLedgerFull, func() error {
		return ordered(rectification.MaxProblems + rectification.MaxProblemsOfOthers)
	}},
	{"an unknown category", rectification.ErrProblemCategoryUnknown, func() error {
		return entered(&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_OPEN, Categories: taxonomy[1:]}, plannedProblem(planned))
	}},
	{"an item of another category", rectification.ErrProblemCategoryUnknown, func() error {
		p := plannedProblem(planned)
		p.Category = "B"
		return entered(&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_OPEN, Categories: taxonomy}, p)
	}},
	{"closing what is not verified", rectification.ErrProblemIllegalMove, func() error {
		_, err := rectification.Close(plannedProblem(submitted), closer, now)
		return err
	}},
	{"rewording what others found", rectification.ErrProblemFindingFixed, func() error {
		return edited(unfiled, func(p, wanted *rectificationv1.Problem) {
			p.Source = rectificationv1.Problem_SOURCE_INSPECTION
			wanted.Source, wanted.Description = p.GetSource(), "harmless"
		})
	}},
	{"no description", rectification.ErrProblemDescriptionEmpty, func() error {
		return edited(unfiled, func(_, wanted *rectificationv1.Problem) { wanted.Description = "" })
	}},
	{"no level", rectification.ErrProblemDescriptionEmpty, func() error {
		return edited(unfiled, func(_, wanted *rectificationv1.Problem) { wanted.Level = 0 })
	}},
	{"a plan without a deadline", rectification.ErrProblemPlanIncomplete, func() error {
		p := plannedProblem(rectificationv1.Problem_STATE_IDENTIFIED)
		p.Deadline = ""
		_, err := rectification.Plan(unfiled, p, &rectificationv1.Problem{Cause: "c"}, submitter, now)
		return err
	}},
	{"emptying a plan", rectification.ErrProblemPlanIncomplete, func() error {
		return edited(unfiled, func(_, wanted *rectificationv1.Problem) { wanted.Measures = "" })
	}},
	{"moving a filed deadline", rectification.ErrProblemDeadlineFixed, func() error {
		return edited(filedLedger(), func(_, wanted *rectificationv1.Problem) { wanted.Deadline = "2026-12-31" })
	}},
	{"planning a filed deadline away", rectification.ErrProblemDeadlineFixed, func() error {
		_, err := rectification.Plan(filedLedger(), plannedProblem(planned), &rectificationv1.Problem{Deadline: "2026-12-31"}, submitter, now)
		return err
	}},
	{"emptying a filed deadline", rectification.ErrProblemDeadlineFixed, func() error {
		return edited(filedLedger(), func(_, wanted *rectificationv1.Problem) { wanted.Deadline = "" })
	}},
	{"moving a deadline that a superior set", rectification.ErrProblemDeadlineFixed, func() error {
		return edited(unfiled, func(p, wanted *rectificationv1.Problem) {
			p.AcceptedContent = &rectificationv1.AcceptedContent{Deadline: p.GetDeadline()}
			wanted.Deadline = "2026-12-31"
		})
	}},
	{"planning a deadline away that a superior granted", rectification.ErrProblemDeadlineFixed, func() error {
		p := plannedProblem(planned)
		p.OriginalDeadline = "2026-05-31"
		_, err := rectification.Plan(unfiled, p, &rectificationv1.Problem{Deadline: "2026-12-31"}, submitter, now)
		return err
	}},
	{"making a deadline that has passed earlier", rectification.ErrProblemDeadlineFixed, func() error {
		return edited(unfiled, func(p, wanted *rectificationv1.Problem) {
			p.Deadline, wanted.Deadline = "2026-03-01", "2026-02-28"
		})
	}},
	{"moving a deadline that has passed", rectification.ErrProblemDeadlineFixed, func() error {
		return edited(unfiled, func(p, wanted *rectificationv1.Problem) {
			p.Deadline, wanted.Deadline = "2026-03-01", "2026-12-31"
		})
	}},
	{"too much progress", rectification.ErrProblemProgressFull, func() error {
		p := plannedProblem(rectifying)
		for range rectification.MaxProgress {
			p.Progress = append(p.Progress, &rectificationv1.Progress{})
		}
		_, err := rectification.AddProgress(p, "more", 1, submitter, now)
		return err
	}},
	{"no evidence", rectification.ErrProblemEvidenceMissing, func() error {
		_, err := rectification.Submit(plannedProblem(rectifying), submitting(submitter, nil))
		return err
	}},
	{"the same again", rectification.ErrProblemUnchanged, func() error {
		p := plannedProblem(submitted)
		p.SubmitTime, p.Progress, p.SubmittedProgress = timestamppb.New(now), []*rectificationv1.Progress{{}}, 1
		return rectification.Renewed(p, files("1"), files("1", "2"))
	}},
	{"verifying one's own", rectification.ErrProblemSamePerson, func() error {
		_, err := rectification.Verify(plannedProblem(submitted), submitter, []string{"free"})
		return err
	}},
	{"verifying as the one responsible", rectification.ErrProblemSamePerson, func() error {
		_, err := rectification.Verify(plannedProblem(submitted), "person", []string{"free"})
		return err
	}},
	{"verifying what one entered progress on", rectification.ErrProblemSamePerson, func() error {
		p, err := rectification.AddProgress(plannedProblem(rectifying), "did", 10, verifier, now)
		return after(p, err, func() error { return handedOver(p, verifier) })
	}},
	{"verifying what one was responsible for when it began", rectification.ErrProblemSamePerson, func() error {
		p := plannedProblem(planned)
		p.PersonResponsible = verifier
		p, err := rectification.Start(p, submitter)
		return after(p, err, func() error { return handedOver(p, verifier) })
	}},
	{"verifying what one was responsible for in between", rectification.ErrProblemSamePerson, func() error {
		p := plannedProblem(rectifying)
		wanted := proto.CloneOf(p)
		wanted.PersonResponsible = verifier
		p, err := rectification.Edit(unfiled, p, wanted, submitter, now)
		return after(p, err, func() error { return handedOver(p, verifier) })
	}},
	{"closing what one submitted before it was returned", rectification.ErrProblemSamePerson, func() error {
		p, err := rectification.Submit(plannedProblem(rectifying), submitting(closer, []string{"a"}))
		return after(p, err, func() error {
			p.State, p.Submitter = verified, submitter
			_, err := rectification.Close(p, closer, now)
			return err
		})
	}},
	{"verifying what one planned", rectification.ErrProblemSamePerson, func() error {
		p, err := rectification.Plan(unfiled, plannedProblem(planned), &rectificationv1.Problem{}, verifier, now)
		return after(p, err, func() error { return begunBy(p, submitter) })
	}},
	{"verifying what one changed", rectification.ErrProblemSamePerson, func() error {
		p := plannedProblem(rectificationv1.Problem_STATE_RETURNED)
		p, err := rectification.Edit(unfiled, p, proto.CloneOf(p), verifier, now)
		return after(p, err, func() error { return begunBy(p, submitter) })
	}},
	{"verifying what one started", rectification.ErrProblemSamePerson, func() error {
		return begunBy(plannedProblem(planned), verifier)
	}},
	{"verifying what one added a file to", rectification.ErrProblemSamePerson, func() error {
		p, err := rectification.Attach(plannedProblem(rectifying), verifier)
		return after(p, err, func() error { return handedOver(p, verifier) })
	}},
	{"returning what one started", rectification.ErrProblemSamePerson, func() error {
		p, err := rectification.Start(plannedProblem(planned), verifier)
		return after(p, err, func() error {
			p.State = submitted
			_, err := rectification.SendBack(p, "why", verifier)
			return err
		})
	}},
	{"too many who work on one problem", rectification.ErrProblemRectifiersFull, func() error {
		p := plannedProblem(rectifying)
		for i := range rectification.MaxRectifiers {
			p.Rectifiers = append(p.Rectifiers, strconv.Itoa(i))
		}
		_, err := rectification.AddProgress(p, "did", 10, submitter, now)
		return err
	}},
	{"closing one's own", rectification.ErrProblemSamePerson, func() error {
		_, err := rectification.Close(plannedProblem(verified), submitter, now)
		return err
	}},
	{"closing what one verified", rectification.ErrProblemSamePerson, func() error {
		_, err := rectification.Close(plannedProblem(verified), verifier, now)
		return err
	}},
	{"closing as the one responsible", rectification.ErrProblemSamePerson, func() error {
		_, err := rectification.Close(plannedProblem(verified), "person", now)
		return err
	}},
	{"returning one's own", rectification.ErrProblemSamePerson, func() error {
		_, err := rectification.SendBack(plannedProblem(submitted), "why", submitter)
		return err
	}},
	{"the same deadline", rectification.ErrProblemDeadlineNotLater, func() error {
		return extended(filedLedger(), plannedProblem(planned), "2026-06-30")
	}},
	{"a deadline that is past", rectification.ErrProblemDeadlineNotLater, func() error {
		return extended(filedLedger(), plannedProblem(planned), "2026-03-01")
	}},
	{"extending before filing", rectification.ErrProblemNotFiled, func() error {
		return extended(unfiled, plannedProblem(planned), "2026-07-31")
	}},
	{"two wishes at once", rectification.ErrProblemExtensionPending, func() error {
		return extended(filedLedger(), asking(plannedProblem(planned)), "2026-08-31")
	}},
	{"a wish that nobody grants", rectification.ErrProblemSuperiorNone, func() error {
		_, err := rectification.Extend(filedLedger(), plannedProblem(planned), rectification.Wish{Deadline: "2026-08-31", Reason: "r", Topmost: true, Time: now})
		return err
	}},
	{"granting nothing", rectification.ErrProblemExtensionNone, func() error {
		_, err := rectification.Grant(asked(plannedProblem(planned), 1), superior, now)
		return err
	}},
	{"refusing nothing", rectification.ErrProblemExtensionNone, func() error {
		_, err := rectification.Refuse(plannedProblem(planned), "no", superior, now)
		return err
	}},
	{"too many extensions", rectification.ErrProblemExtensionsFull, func() error {
		return extended(filedLedger(), asked(plannedProblem(planned), rectification.MaxExtensions), "2026-07-31")
	}},
	{"acknowledging what one signed", rectification.ErrLedgerDeciderInvolved, func() error {
		_, _, err := rectification.Decide(filedLedger(), filedVersion(), rectification.Verdict{Decider: closer}, calendar.Builtin())
		return err
	}},
	{"returning what one filed", rectification.ErrLedgerDeciderInvolved, func() error {
		_, _, err := rectification.Decide(filedLedger(), filedVersion(), rectification.Verdict{Decider: submitter, Reason: "why"}, calendar.Builtin())
		return err
	}},
	{"granting what one asked for", rectification.ErrProblemDeciderInvolved, func() error {
		p, err := rectification.Extend(filedLedger(), plannedProblem(planned), wish("2026-07-31"))
		return after(p, err, func() error {
			p.Rectifiers, p.Submitter = nil, "" // as after it was reopened
			_, err := rectification.Grant(p, submitter, now)
			return err
		})
	}},
	{"refusing what one leads", rectification.ErrProblemDeciderInvolved, func() error {
		_, err := rectification.Refuse(asking(plannedProblem(planned)), "no", "leader", now)
		return err
	}},
	{"granting what one works on", rectification.ErrProblemDeciderInvolved, func() error {
		p, err := rectification.Start(plannedProblem(planned), verifier)
		return after(p, err, func() error {
			_, err := rectification.Grant(asking(p), verifier, now)
			return err
		})
	}},
	{"granting a day that has passed", rectification.ErrProblemExtensionPassed, func() error {
		_, err := rectification.Grant(asking(plannedProblem(planned)), superior, now.AddDate(0, 6, 0))
		return err
	}},
	{"cancelling what one is responsible for", rectification.ErrProblemDeciderInvolved, func() error {
		_, err := rectification.Cancel(plannedProblem(planned), "why", "person")
		return err
	}},
	{"cancelling what one leads", rectification.ErrProblemDeciderInvolved, func() error {
		_, err := rectification.Cancel(plannedProblem(planned), "why", "leader")
		return err
	}},
	{"closing what one leads", rectification.ErrProblemSamePerson, func() error {
		_, err := rectification.Close(plannedProblem(verified), "leader", now)
		return err
	}},
	{"closing what one led until it was submitted", rectification.ErrProblemSamePerson, func() error {
		p, err := ledOnBy(plannedProblem(planned), "another")
		if err == nil {
			p, err = rectification.Verify(p, verifier, []string{"free"})
		}
		return after(p, err, func() error {
			_, err := rectification.Close(p, "leader", now)
			return err
		})
	}},
	{"verifying what others found and one led", rectification.ErrProblemSamePerson, func() error {
		p := plannedProblem(planned)
		p.Source = rectificationv1.Problem_SOURCE_SUPERIOR
		p, err := ledOnBy(p, "another")
		return after(p, err, func() error {
			_, err := rectification.Verify(p, "leader", []string{"free"})
			return err
		})
	}},
	{"cancelling what one led", rectification.ErrProblemDeciderInvolved, func() error {
		p, err := ledOnBy(plannedProblem(planned), "another")
		return after(p, err, func() error {
			_, err := rectification.Cancel(p, "why", "leader")
			return err
		})
	}},
	{"deciding for the unit out of office", rectification.ErrProblemDeciderOutside, func() error {
		own := rectification.Verifiers(rectificationv1.Problem_SOURCE_SELF_CHECK, false)[0]
		_, err := rectification.Decided(plannedProblem(submitted), plannedProblem(verified), "units/school/members/gone", own, serving)
		return err
	}},
	{"cancelling what one led before it was reopened", rectification.ErrProblemDeciderInvolved, func() error {
		p, err := reopenedFrom("leader", "another")
		return after(p, err, func() error {
			_, err := rectification.Cancel(p, "why", "leader")
			return err
		})
	}},
	{"deciding above on what one worked on before it was reopened", rectification.ErrProblemDeciderInvolved, func() error {
		p, err := reopenedFrom("leader", "another")
		return after(p, err, func() error {
			_, err := rectification.Decided(p, plannedProblem(verified), submitter, rectification.Superiors(), serving)
			return err
		})
	}},
	{"deciding above on what one was to lead before it began", rectification.ErrProblemDeciderInvolved, func() error {
		p := plannedProblem(planned)
		wanted := proto.CloneOf(p)
		wanted.LeaderResponsible = "another"
		p, err := rectification.Edit(unfiled, p, wanted, submitter, now)
		return after(p, err, func() error { return rectification.Uninvolved("leader", p) })
	}},
	{"too many who have a part in all its life", rectification.ErrProblemRectifiersFull, func() error {
		_, err := rectification.AddProgress(crowded(), "did", 10, "one more", now)
		return err
	}},
	{"closing what one asked to extend", rectification.ErrProblemSamePerson, func() error {
		w := wish("2026-07-31")
		w.Asker = closer
		p, err := rectification.Extend(filedLedger(), plannedProblem(rectifying), w)
		return after(p, err, func() error {
			p.State = verified
			_, err := rectification.Close(p, closer, now)
			return err
		})
	}},
	{"verifying what others found and one leads", rectification.ErrProblemSamePerson, func() error {
		p := plannedProblem(submitted)
		p.Source = rectificationv1.Problem_SOURCE_INSPECTION
		_, err := rectification.Verify(p, "leader", []string{"free"})
		return err
	}},
	{"concluding what nobody visited", rectification.ErrInspectionIllegalMove, func() error {
		_, err := rectification.Conclude(inspection(), ending("units/section/members/m"), places{})
		return err
	}},
	{"recording on a unit that was archived", rectification.ErrInspectionTargetArchived, func() error {
		v := rectification.Visited{Target: "units/school", By: "units/section/members/m", Time: now}
		_, err := rectification.Record(inspection(), v, deserted{})
		return err
	}},
	{"concluding beside the team", rectification.ErrInspectionNotOfTeam, func() error {
		i := inspection()
		i.State = rectificationv1.Inspection_STATE_RECORDED
		_, err := rectification.Conclude(i, ending("units/bureau/members/other"), places{})
		return err
	}},
	{"concluding on a target beside a team that cannot", rectification.ErrInspectionConcluderInvolved, func() error {
		i := inspection()
		i.Team = []string{"units/section/members/helper"}
		_, err := rectification.Conclude(i, ending("units/office/members/other"), places{})
		return err
	}},
	{"recording beside the team", rectification.ErrInspectionNotOfTeam, func() error {
		return recorded(rectification.Visited{Target: "units/school", By: "units/bureau/members/other"}, func(*rectificationv1.Inspection) {})
	}},
	{"recording out of office", rectification.ErrInspectionRecorderOutside, func() error {
		return recorded(rectification.Visited{Target: "units/school", By: "units/section/members/helper"}, func(i *rectificationv1.Inspection) {
			i.Team = append(i.Team, "units/section/members/helper")
		})
	}},
	{"concluding out of office", rectification.ErrInspectionRecorderOutside, func() error {
		i := inspection()
		i.State, i.Team = rectificationv1.Inspection_STATE_RECORDED, append(i.Team, "units/section/members/helper")
		_, err := rectification.Conclude(i, ending("units/section/members/helper"), places{})
		return err
	}},
	{"concluding out of office beside a team that cannot", rectification.ErrInspectionRecorderOutside, func() error {
		i := inspection()
		i.Team = []string{"units/section/members/helper"}
		_, err := rectification.Conclude(i, ending("units/bureau/members/helper"), places{})
		return err
	}},
	{"inspecting the bureau itself", rectification.ErrInspectionTargetOutside, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Targets = []string{"units/bureau"} })
	}},
	{"inspecting from beneath", rectification.ErrInspectionTargetOutside, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Unit, i.Targets = "units/school", []string{"units/district"} })
	}},
	{"inspecting nowhere", rectification.ErrInspectionTargetOutside, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Targets = []string{"units/gone"} })
	}},
	{"planning one of one's own unit", rectification.ErrInspectionOwnUnit, func() error {
		return plannedBy("units/office/members/planner", inspection())
	}},
	{"a member of the target", rectification.ErrInspectionOwnUnit, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Team = []string{"units/school/members/m"} })
	}},
	{"a member from beneath the target", rectification.ErrInspectionOwnUnit, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Team = []string{"units/office/members/m"} })
	}},
	{"a member who has a post in the target", rectification.ErrInspectionOwnUnit, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Team = []string{"units/section/members/posted"} })
	}},
	{"concluding on where one works", rectification.ErrInspectionConcluderInvolved, func() error {
		i := inspection()
		i.State, i.Team = rectificationv1.Inspection_STATE_RECORDED, []string{"units/section/members/posted"}
		i.Visits = []*rectificationv1.Visit{{Target: "units/school"}}
		_, err := rectification.Conclude(i, ending(i.GetTeam()[0]), places{})
		return err
	}},
	{"recording on one's own unit", rectification.ErrInspectionOwnUnit, func() error {
		return recorded(rectification.Visited{Target: "units/school", By: "units/office/members/m"}, func(i *rectificationv1.Inspection) {
			i.Team = append(i.Team, "units/office/members/m") // who has been moved there since
		})
	}},
	{"a team of whom nobody may record", rectification.ErrInspectionTeamInvalid, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Team = []string{"units/section/members/helper"} })
	}},
	{"a member from nowhere", rectification.ErrInspectionMemberUnknown, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Team = []string{"units/gone/members/m"} })
	}},
	{"a member who is not in office", rectification.ErrInspectionMemberUnknown, func() error {
		return planning(func(i *rectificationv1.Inspection) { i.Team = []string{"units/bureau/members/gone"} })
	}},
	{"a member who has left the bureau for elsewhere", rectification.ErrInspectionMemberUnknown, func() error {
		_, err := rectification.NewInspection("inspections/i", inspection(), "units/bureau/members/planner", places{}, func(unit, _ string) bool {
			return unit == "units/district"
		})
		return err
	}},
	{"a leader who is not in office", rectification.ErrProblemPersonUnknown, func() error {
		return settable(func(p *rectificationv1.Problem) { p.LeaderResponsible = "units/school/members/gone" })
	}},
	{"a person responsible who is not in office", rectification.ErrProblemPersonUnknown, func() error {
		return settable(func(p *rectificationv1.Problem) { p.PersonResponsible = "units/school/members/gone" })
	}},
	{"a deadline before today", rectification.ErrProblemDeadlineOutside, func() error {
		return settable(func(p *rectificationv1.Problem) { p.Deadline = "2026-03-01" })
	}},
	{"a deadline after three years", rectification.ErrProblemDeadlineOutside, func() error {
		return settable(func(p *rectificationv1.Problem) { p.Deadline = "2029-03-03" })
	}},
	{"extending beyond three years", rectification.ErrProblemDeadlineOutside, func() error {
		return extended(filedLedger(), plannedProblem(planned), "9999-12-30")
	}},
	{"a visit elsewhere", rectification.ErrInspectionTargetUnknown, func() error {
		return recorded(rectification.Visited{Target: "units/office", By: "units/section/members/m"}, func(*rectificationv1.Inspection) {})
	}},
	{"a visit twice", rectification.ErrInspectionTargetRecorded, func() error {
		return recorded(rectification.Visited{Target: "units/school", By: "units/section/members/m"}, func(i *rectificationv1.Inspection) {
			i.Visits = []*rectificationv1.Visit{{Target: "units/school"}}
		})
	}},
	{"a target that moved away", rectification.ErrInspectionTargetOutside, func() error {
		return recorded(rectification.Visited{Target: "units/moved", By: "units/section/members/m"}, func(i *rectificationv1.Inspection) {
			i.Targets = append(i.Targets, "units/moved")
		})
	}},
}

// Who has come to the bureau by a post visits for it, wherever they were entered.
func TestATeamServesInTheBureauOrWhereItIsEntered(t *testing.T) {
	for _, where := range []string{"units/bureau", "units/section"} {
		if _, err := rectification.NewInspection("inspections/i", inspection(), "units/bureau/members/planner", places{}, func(unit, _ string) bool {
			return unit == where
		}); err != nil {
			t.Errorf("of who serves in %s: %v", where, err)
		}
	}
}

func TestWhoOnlyLeadsVerifiesWhatTheUnitFoundItself(t *testing.T) {
	if _, err := rectification.Verify(plannedProblem(submitted), "leader", []string{"free"}); err != nil {
		t.Error(err)
	}
}

// Those above are asked to verify and to close what the unit found itself just while none of
// its leaders is free to.
func TestThoseAboveAreAskedWhileNoneOfTheUnitIsFree(t *testing.T) {
	p := plannedProblem(rectifying)
	p, err := rectification.Submit(p, rectification.Submission{Evidence: []string{"a"}, Who: submitter, Leaders: []string{submitter, "person"}, Time: now})
	if err != nil || !p.GetVerifyAbove() || p.GetCloseAbove() {
		t.Fatalf("submitted: %v, %v", p, err)
	}
	if p, err = rectification.Verify(p, superior, []string{submitter, "leader"}); err != nil || p.GetVerifyAbove() || !p.GetCloseAbove() {
		t.Fatalf("verified: %v, %v", p, err)
	}
	back, err := rectification.SendBack(p, "why", superior)
	if err != nil || back.GetCloseAbove() {
		t.Errorf("returned: %v, %v", back, err)
	}
	if p, err = rectification.Close(p, closer, now); err == nil {
		p, err = rectification.Reopen(p, "why")
	}
	if err != nil || p.GetCloseAbove() {
		t.Errorf("reopened: %v, %v", p, err)
	}
	returned, err := rectification.Submit(plannedProblem(rectifying), rectification.Submission{Evidence: []string{"a"}, Who: submitter, Time: now})
	if err == nil {
		returned, err = rectification.SendBack(returned, "why", superior)
	}
	if err != nil || returned.GetVerifyAbove() {
		t.Errorf("returned before it was verified: %v, %v", returned, err)
	}
	found := plannedProblem(rectifying)
	found.Source = rectificationv1.Problem_SOURCE_AUDIT
	if found, err = rectification.Submit(found, rectification.Submission{Evidence: []string{"a"}, Who: submitter, Time: now}); err != nil || found.GetVerifyAbove() {
		t.Errorf("what others found: %v, %v", found, err)
	}
}

// What is struck off or cancelled awaits no decision; once it is reopened, another deadline may be asked for.
func TestAWishForAnotherDeadlineEndsWithTheProblem(t *testing.T) {
	p, err := rectification.Cancel(asking(plannedProblem(planned)), "why", superior)
	if err != nil || p.GetExtensions()[0].GetState() != rectificationv1.Extension_STATE_LAPSED {
		t.Errorf("cancelled: %v, %v", p.GetExtensions(), err)
	}
	p, err = rectification.Close(asking(plannedProblem(verified)), closer, now)
	if err != nil || p.GetExtensions()[0].GetState() != rectificationv1.Extension_STATE_LAPSED {
		t.Fatalf("closed: %v, %v", p.GetExtensions(), err)
	}
	if p, err = rectification.Reopen(p, "why"); err != nil {
		t.Fatal(err)
	}
	if err := extended(filedLedger(), p, "2026-08-31"); err != nil {
		t.Errorf("once reopened: %v", err)
	}
	refused := asked(plannedProblem(verified), 1)
	if p, err = rectification.Close(refused, closer, now); err != nil || p.GetExtensions()[0].GetState() != rectificationv1.Extension_STATE_REFUSED {
		t.Errorf("one that was decided: %v, %v", p.GetExtensions(), err)
	}
}

func TestTheTopmostUnitsHeadRecordsTheReplyToWhatTheySigned(t *testing.T) {
	if _, _, err := rectification.Decide(filedLedger(), filedVersion(), rectification.Verdict{Decider: closer, Document: "1"}, calendar.Builtin()); err != nil {
		t.Error(err)
	}
}

func TestWhatAProblemHadAlreadyMayStayAndTheBoundsAreIn(t *testing.T) {
	for _, deadline := range []string{"2026-06-30", "2026-03-02", "2029-03-02", ""} {
		if err := settable(func(p *rectificationv1.Problem) { p.Deadline = deadline }); err != nil {
			t.Errorf("the deadline %q = %v", deadline, err)
		}
	}
	p := plannedProblem(planned)
	p.PersonResponsible, p.Deadline = "units/school/members/gone", "2020-01-01"
	if err := rectification.Settable(p, proto.CloneOf(p), now, serving); err != nil {
		t.Errorf("what was set before = %v", err)
	}
}

func TestAPlanSaysInEachLanguageWhatItLacks(t *testing.T) {
	p := plannedProblem(rectificationv1.Problem_STATE_IDENTIFIED)
	p.Deadline, p.PersonResponsible = "", ""
	_, err := rectification.Plan(unfiled, p, &rectificationv1.Problem{}, submitter, now)
	f := fault.As(err)
	if f == nil {
		t.Fatalf("got %v, want a fault", err)
	}
	if got, want := f.Chinese(), "整改计划不完整，请补充：整改时限、责任人。"; got != want {
		t.Errorf("Chinese = %q, want %q", got, want)
	}
	if got, want := f.Error(), "The plan is incomplete: give deadline, person responsible."; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
}

func TestEveryFaultIsHit(t *testing.T) {
	hit := map[string]bool{}
	for _, f := range byServer {
		hit[f.Reason] = true
	}
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			hit[r.fault.Reason] = true
			if err := r.do(); !errors.Is(err, r.fault) {
				t.Errorf("got %v, want %v", err, r.fault)
			}
		})
	}
	values := rectificationv1.Reason_REASON_UNSPECIFIED.Descriptor().Values()
	for i := 1; i < values.Len(); i++ {
		if name := strings.TrimPrefix(string(values.Get(i).Name()), "REASON_"); !hit[name] {
			t.Errorf("no test is refused for %s", name)
		}
	}
}

// crowded is a problem in which as many have a part as may.
func crowded() *rectificationv1.Problem {
	p := plannedProblem(rectifying)
	for i := range rectification.MaxInvolved {
		p.Former = append(p.Former, strconv.Itoa(i))
	}
	return p
}

// However many decided for the unit, those who have a part in a problem already go on with it.
func TestWhoHasAPartGoesOnHoweverManyHave(t *testing.T) {
	if _, err := rectification.AddProgress(crowded(), "did", 10, submitter, now); err != nil {
		t.Error(err)
	}
}
