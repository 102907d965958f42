package rectification

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Submission is how a problem is put forward as rectified.
type Submission struct {
	Evidence []string // the names of its attachments
	Who      string   // who submits it
	Leaders  []string // all in office of the unit's who might verify it
	Time     time.Time
}

// Submit returns p after it was asked for it to be struck off. Others than its
// rectifiers have to verify and close it.
func Submit(p *rectificationv1.Problem, s Submission) (*rectificationv1.Problem, error) {
	before := p
	p, err := moveProblem(p, Submitting)
	if err != nil {
		return nil, err
	}
	if len(s.Evidence) == 0 {
		return nil, ErrProblemEvidenceMissing.At("evidence", "请列出作为佐证的附件", "must name the attachments that prove it")
	}
	p.Evidence, p.SubmitTime = s.Evidence, timestamppb.New(s.Time)
	p.Submitter, p.Verifier, p.Closer, p.CloseAbove = s.Who, "", "", false
	p.SubmittedProgress = int32(len(p.GetProgress()))
	if p, err = underway(before, p, s.Who); err != nil {
		return nil, err
	}
	p.VerifyAbove = ownFinding(p.GetSource()) && nobodyFree(p, s.Leaders, mayVerify)
	return p, nil
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
	p.Verifier, p.VerifyAbove = who, false
	p.CloseAbove = ownFinding(p.GetSource()) && nobodyFree(p, leaders, mayClose)
	return p, mayVerify(p, who)
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

// SendBack returns p as returned by who; it counts.
func SendBack(p *rectificationv1.Problem, reason, who string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Returning)
	if err != nil {
		return nil, err
	}
	p.Returns++
	p.Reason, p.Verifier, p.VerifyAbove, p.CloseAbove = reason, "", false, false
	return p, mayVerify(p, who)
}

// Reopen returns p as reopened after it was looked at again; it counts. Who works
// on it now is another matter than who did, but for superiors.
func Reopen(p *rectificationv1.Problem, reason string) (*rectificationv1.Problem, error) {
	before := p
	p, err := moveProblem(p, Reopening)
	if err != nil {
		return nil, err
	}
	p.Reopens++
	p.Reason, p.CloseTime, p.CloseAbove, p.Rectifiers, p.Leaders = reason, nil, false, nil, nil
	return kept(before, p), nil
}

// Cancel returns p as cancelled by who, a superior.
func Cancel(p *rectificationv1.Problem, reason, who string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Cancelling)
	if err != nil {
		return nil, err
	}
	p.Reason, p.VerifyAbove, p.CloseAbove = reason, false, false
	return lapsed(p), Uninvolved(who, p)
}
