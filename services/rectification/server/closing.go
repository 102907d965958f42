package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/rectification"
)

// SubmitProblem implements the RPC.
func (s *Service) SubmitProblem(ctx context.Context, req *rectificationv1.SubmitProblemRequest) (*rectificationv1.Problem, error) {
	return s.problems.Change(ctx, req, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		submitted, err := rectification.Submit(p, rectification.Submission{
			Evidence: req.GetEvidence(), Who: tx.Access.Principal.Name, Leaders: s.leaders(tx, p.GetUnit()), Time: tx.Now,
		})
		if err != nil {
			return nil, err
		}
		files, err := s.attached(tx, p, req.GetEvidence())
		if err != nil {
			return nil, err
		}
		before, err := s.attached(tx, p, p.GetEvidence())
		if err != nil {
			return nil, err
		}
		return submitted, rectification.Renewed(p, files, before)
	}, change.CatchUp())
}

// attached returns the attachments of the problem of those names.
func (s *Service) attached(tx *change.Tx, p *rectificationv1.Problem, names []string) (files []*blobv1.Attachment, err error) {
	for i, name := range names {
		f, err := s.files.Find(tx, p.GetName(), name)
		if err != nil {
			return nil, change.Unknown(err, rectification.ErrProblemEvidenceUnknown.With("attachment", name).
				At(fmt.Sprintf("evidence[%d]", i), "不是本问题的附件", "is no attachment of the problem"))
		}
		files = append(files, f)
	}
	return files, nil
}

// acceptFile says whether the problem takes another file of the caller's.
func (s *Service) acceptFile(tx *change.Tx, name string) error {
	_, _, err := s.attach(tx, name)
	return err
}

// noteFile keeps who added a file to the problem, if nothing of theirs was known.
func (s *Service) noteFile(tx *change.Tx, name string) error {
	p, attached, err := s.attach(tx, name)
	if err != nil || proto.Equal(p, attached) {
		return err
	}
	_, err = s.problems.PutAs(tx, "problem.updated", attached)
	return err
}

// attach returns the problem before and after the caller adds a file.
func (s *Service) attach(tx *change.Tx, name string) (before, after *rectificationv1.Problem, err error) {
	if before, err = s.problems.Find(tx, name); err != nil {
		return nil, nil, err
	}
	after, err = rectification.Attach(before, tx.Access.Principal.Name)
	return before, after, err
}

// VerifyProblem implements the RPC.
func (s *Service) VerifyProblem(ctx context.Context, req *rectificationv1.VerifyProblemRequest) (*rectificationv1.Problem, error) {
	return s.judge(ctx, req, rectification.Verifying, s.verifiers, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Verify(p, tx.Access.Principal.Name, s.leaders(tx, p.GetUnit()))
	})
}

// CloseProblem implements the RPC.
func (s *Service) CloseProblem(ctx context.Context, req *rectificationv1.CloseProblemRequest) (*rectificationv1.Problem, error) {
	return s.judge(ctx, req, rectification.Closing, s.closers, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Close(p, tx.Access.Principal.Name, tx.Now)
	})
}

// ReturnProblem implements the RPC.
func (s *Service) ReturnProblem(ctx context.Context, req *rectificationv1.ReturnProblemRequest) (*rectificationv1.Problem, error) {
	return s.judge(ctx, req, rectification.Returning, s.verifiers, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.SendBack(p, req.GetReason(), tx.Access.Principal.Name)
	})
}

// judge makes a move on a problem by a rule, if the caller is one of those who decide on
// what was found that way, by the tree as it is.
func (s *Service) judge(
	ctx context.Context, req change.Named, m rectification.ProblemMove,
	deciders func(*change.Tx, *rectificationv1.Problem) []rectification.Right,
	rule func(*change.Tx, *rectificationv1.Problem) (*rectificationv1.Problem, error),
) (*rectificationv1.Problem, error) {
	return s.settle(ctx, req, m, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		right, ok := acts(tx, p.GetUnit(), deciders(tx, p))
		if !ok {
			return nil, tx.Access.Refusal(rectification.ErrProblemNotYoursToDecide)
		}
		decided, err := rule(tx, p)
		if err != nil {
			return nil, err
		}
		return rectification.Decided(p, decided, tx.Access.Principal.Name, right, s.serves(tx.Now))
	}, change.CatchUp())
}

// verifiers are those who verify the problem, send it back or reopen it.
func (s *Service) verifiers(tx *change.Tx, p *rectificationv1.Problem) []rectification.Right {
	return rectification.Verifiers(p.GetSource(), s.topmost(tx, p.GetUnit()))
}

// closers are those who close the problem.
func (s *Service) closers(tx *change.Tx, p *rectificationv1.Problem) []rectification.Right {
	return rectification.Closers(p, s.leaders(tx, p.GetUnit()), s.topmost(tx, p.GetUnit()))
}

// topmost says whether nobody here is above the unit, or above what it was merged into.
func (s *Service) topmost(tx *change.Tx, unit string) bool {
	return s.units.Heir(unit) == tx.Access.Tree().Root()
}

// settle makes a move on a problem by a rule, if the caller decides for the bureau whose
// that is, or if it is none's. For the topmost unit no bureau does.
func (s *Service) settle(
	ctx context.Context, req change.Named, m rectification.ProblemMove, rule func(*change.Tx, *rectificationv1.Problem) (*rectificationv1.Problem, error),
	how ...change.Option,
) (*rectificationv1.Problem, error) {
	return s.problems.Change(ctx, req, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		by, bureau := rectification.Superiors(), rectification.Bureau(p, m, tx.Access.Tree().Root())
		if bureau != "" && !s.topmost(tx, p.GetUnit()) && !tx.Access.ActsFor(bureau, p.GetUnit(), by.Scope, by.Roles...) {
			return nil, tx.Access.Refusal(rectification.ErrProblemNotYoursToDecide)
		}
		return rule(tx, p)
	}, how...)
}

// ReopenProblem implements the RPC.
func (s *Service) ReopenProblem(ctx context.Context, req *rectificationv1.ReopenProblemRequest) (*rectificationv1.Problem, error) {
	return s.judge(ctx, req, rectification.Reopening, s.verifiers, func(_ *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Reopen(p, req.GetReason())
	})
}

// CancelProblem implements the RPC.
func (s *Service) CancelProblem(ctx context.Context, req *rectificationv1.CancelProblemRequest) (*rectificationv1.Problem, error) {
	return s.settle(ctx, req, rectification.Cancelling, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Cancel(p, req.GetReason(), tx.Access.Principal.Name)
	})
}

// ExtendProblem implements the RPC.
func (s *Service) ExtendProblem(ctx context.Context, req *rectificationv1.ExtendProblemRequest) (*rectificationv1.Problem, error) {
	return s.problems.Change(ctx, req, s.revised(func(tx *change.Tx, l *rectificationv1.Ledger, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Extend(l, p, rectification.Wish{
			Deadline: req.GetDeadline(), Reason: req.GetReason(), Asker: tx.Access.Principal.Name, Time: tx.Now,
			Bureau: rectification.Bureau(p, rectification.Granting, tx.Access.Tree().Root()), Topmost: s.topmost(tx, p.GetUnit()),
		})
	}), change.CatchUp())
}

// ApproveExtension implements the RPC.
func (s *Service) ApproveExtension(ctx context.Context, req *rectificationv1.ApproveExtensionRequest) (*rectificationv1.Problem, error) {
	return s.settle(ctx, req, rectification.Granting, s.revised(func(tx *change.Tx, _ *rectificationv1.Ledger, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Grant(p, tx.Access.Principal.Name, tx.Now)
	}))
}

// RefuseExtension implements the RPC.
func (s *Service) RefuseExtension(ctx context.Context, req *rectificationv1.RefuseExtensionRequest) (*rectificationv1.Problem, error) {
	return s.settle(ctx, req, rectification.Refusing, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Refuse(p, req.GetReason(), tx.Access.Principal.Name, tx.Now)
	})
}
