package rectification

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Submit returns p after who asked for it to be struck off, with the names of its
// attachments as evidence. It begins a new round of three persons.
func Submit(p *rectificationv1.Problem, evidence []string, who string, now time.Time) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Submitting)
	if err != nil {
		return nil, err
	}
	if len(evidence) == 0 {
		return nil, ErrProblemEvidenceMissing
	}
	p.Evidence, p.SubmitTime = evidence, timestamppb.New(now)
	p.Submitter, p.Verifier, p.Closer = who, "", ""
	return p, nil
}

// Verify returns p as confirmed by who.
func Verify(p *rectificationv1.Problem, who string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Verifying)
	if err != nil {
		return nil, err
	}
	p.Verifier = who
	return p, another(who, p.GetSubmitter(), p.GetPersonResponsible())
}

// Close returns p as struck off by who.
func Close(p *rectificationv1.Problem, who string, now time.Time) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Closing)
	if err != nil {
		return nil, err
	}
	p.Closer, p.CloseTime = who, timestamppb.New(now)
	return p, another(who, p.GetSubmitter(), p.GetPersonResponsible(), p.GetVerifier())
}

// SendBack returns p as returned by who; it counts.
func SendBack(p *rectificationv1.Problem, reason, who string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Returning)
	if err != nil {
		return nil, err
	}
	p.Returns++
	p.Reason, p.Verifier = reason, ""
	return p, another(who, p.GetSubmitter(), p.GetPersonResponsible())
}

// another says whether who is none of the others.
func another(who string, others ...string) error {
	for _, o := range others {
		if o == who {
			return ErrProblemSamePerson
		}
	}
	return nil
}

// Reopen returns p as reopened after it was looked at again; it counts.
func Reopen(p *rectificationv1.Problem, reason string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Reopening)
	if err != nil {
		return nil, err
	}
	p.Reopens++
	p.Reason, p.CloseTime = reason, nil
	return p, nil
}

// Cancel returns p as cancelled by the superior.
func Cancel(p *rectificationv1.Problem, reason string) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Cancelling)
	if err != nil {
		return nil, err
	}
	p.Reason = reason
	return p, nil
}
