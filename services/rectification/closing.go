package rectification

import (
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Submit returns p after who asked for it to be struck off, with the names of its
// attachments as evidence. Others than its rectifiers have to verify and close it.
func Submit(p *rectificationv1.Problem, evidence []string, who string, now time.Time) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Submitting)
	if err != nil {
		return nil, err
	}
	if len(evidence) == 0 {
		return nil, ErrProblemEvidenceMissing.At("evidence", "请列出作为佐证的附件", "must name the attachments that prove it")
	}
	p.Evidence, p.SubmitTime = evidence, timestamppb.New(now)
	p.Submitter, p.Verifier, p.Closer, p.CloseAbove = who, "", "", false
	p.SubmittedProgress = int32(len(p.GetProgress()))
	return underway(p, who)
}

// Renewed says whether p is submitted with something new, if it was before, with the
// files before: an entry on progress since, or a file of other content among the files.
func Renewed(p *rectificationv1.Problem, files, before []*blobv1.Attachment) error {
	other := func(f *blobv1.Attachment) bool {
		return !slices.ContainsFunc(before, func(b *blobv1.Attachment) bool { return b.GetDigest() == f.GetDigest() })
	}
	done := len(p.GetProgress()) > int(p.GetSubmittedProgress())
	if p.GetSubmitTime() == nil || done || slices.ContainsFunc(files, other) {
		return nil
	}
	return ErrProblemUnchanged.At("evidence", "与上次提交的相同", "is what was submitted before")
}

// Verify returns p as confirmed by who; leaders are all of the unit's who might close it.
func Verify(p *rectificationv1.Problem, who string, leaders []string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Verifying)
	if err != nil {
		return nil, err
	}
	p.Verifier = who
	p.CloseAbove = ownFinding(p.GetSource()) && nobodyFree(p, leaders)
	return p, another(who, p, leading(p)...)
}

// Close returns p as struck off by who.
func Close(p *rectificationv1.Problem, who string, now time.Time) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Closing)
	if err != nil {
		return nil, err
	}
	p.Closer, p.CloseTime = who, timestamppb.New(now)
	return lapsed(p), mayClose(p, who)
}

// mayClose says whether who neither worked on p, nor leads or led it, nor verified it.
func mayClose(p *rectificationv1.Problem, who string) error {
	return another(who, p, append(leaders(p), p.GetVerifier())...)
}

// nobodyFree says whether none of them may close p.
func nobodyFree(p *rectificationv1.Problem, them []string) bool {
	return !slices.ContainsFunc(them, func(who string) bool { return mayClose(p, who) == nil })
}

// SendBack returns p as returned by who; it counts.
func SendBack(p *rectificationv1.Problem, reason, who string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Returning)
	if err != nil {
		return nil, err
	}
	p.Returns++
	p.Reason, p.Verifier = reason, ""
	return p, another(who, p, leading(p)...)
}

// leaders are who leads the rectification of p, and who did before.
func leaders(p *rectificationv1.Problem) []string {
	return append(slices.Clone(p.GetLeaders()), p.GetLeaderResponsible())
}

// leading are the leaders of p, if that keeps them from verifying: what the unit found
// itself its leaders verify, what others found they do not.
func leading(p *rectificationv1.Problem) []string {
	if ownFinding(p.GetSource()) {
		return nil
	}
	return leaders(p)
}

// Uninvolved says whether who neither entered p for the unit, nor worked on it, nor answers
// for it or led it, nor asked for another deadline: a superior decides about others.
func Uninvolved(who string, p *rectificationv1.Problem) error {
	if another(who, p, append(leaders(p), p.GetExtensionAsker(), p.GetEnteredBy())...) != nil {
		return ErrProblemDeciderInvolved
	}
	return nil
}

// another says whether who is neither one of those who worked on p, or have to,
// nor one of the others.
func another(who string, p *rectificationv1.Problem, others ...string) error {
	others = append(others, p.GetSubmitter(), p.GetPersonResponsible())
	if slices.Contains(others, who) || slices.Contains(p.GetRectifiers(), who) {
		return ErrProblemSamePerson
	}
	return nil
}

// underway returns p, which it changes, after who did something while it is rectified:
// who answers for it and leads it then is kept, whoever does later.
func underway(p *rectificationv1.Problem, who string) (*rectificationv1.Problem, error) {
	p.Leaders = with(p.GetLeaders(), p.GetLeaderResponsible())
	return worked(p, p.GetPersonResponsible(), who)
}

// with are the names, with one more if it is not among them.
func with(names []string, name string) []string {
	if name == "" || slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// worked returns p, which it changes, with those who worked on it.
func worked(p *rectificationv1.Problem, who ...string) (*rectificationv1.Problem, error) {
	for _, w := range who {
		p.Rectifiers = with(p.GetRectifiers(), w)
	}
	if max(len(p.GetRectifiers()), len(p.GetLeaders())) > MaxRectifiers {
		return nil, ErrProblemRectifiersFull.With("limit", strconv.Itoa(MaxRectifiers))
	}
	return p, nil
}

// Reopen returns p as reopened after it was looked at again; it counts. Who works
// on it now is another matter than who did.
func Reopen(p *rectificationv1.Problem, reason string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Reopening)
	if err != nil {
		return nil, err
	}
	p.Reopens++
	p.Reason, p.CloseTime, p.Rectifiers, p.Leaders = reason, nil, nil, nil
	return p, nil
}

// Cancel returns p as cancelled by who, a superior.
func Cancel(p *rectificationv1.Problem, reason, who string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Cancelling)
	if err != nil {
		return nil, err
	}
	p.Reason = reason
	return lapsed(p), Uninvolved(who, p)
}
