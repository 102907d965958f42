package server

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/rectification"
)

// CreateProblem implements the RPC.
func (s *Service) CreateProblem(ctx context.Context, req *rectificationv1.CreateProblemRequest) (*rectificationv1.Problem, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*rectificationv1.Problem, error) {
		l, err := s.ledgers.Reach(tx, req.GetParent())
		if err != nil {
			return nil, err
		}
		by, err := mayEnter(tx, l.GetUnit(), req.GetProblem().GetSource())
		if err != nil {
			return nil, err
		}
		return s.enter(tx, l, req.GetProblem(), by)
	}, s.in(req.GetParent()), change.CatchUp())
}

// in lets those change something in a ledger who may act on it.
func (s *Service) in(ledger string) change.Option {
	return change.If(func(tx *change.Tx) error {
		_, err := s.ledgers.Reach(tx, ledger)
		return err
	})
}

// mayEnter says whether the caller may enter problems of the source, and who finds
// them by that: a superior for the unit by whose grant they act.
func mayEnter(tx *change.Tx, unit string, source rectificationv1.Problem_Source) (by rectification.Finder, err error) {
	denied := rectification.ErrProblemSourceNotAllowed.At("problem.source", "不能由您登记", "is entered by others")
	if service := tx.Access.Principal.Service(); service != "" {
		if !rectification.ByService(service, source) {
			return by, denied
		}
		return rectification.Finder{Others: true}, nil
	}
	right, ok := acts(tx, unit, rectification.Entrants(source))
	switch {
	case !ok:
		return by, tx.Access.Refusal(denied)
	case right.Scope != accessv1.Scope_SCOPE_SUPERIOR:
		return rectification.Finder{Member: tx.Access.Principal.Name}, nil
	}
	return rectification.Finder{Others: true, Bureau: tx.Access.Acting().Unit}, nil
}

// acts returns the first of the rights by which the caller acts on the unit.
func acts(tx *change.Tx, unit string, rights []rectification.Right) (rectification.Right, bool) {
	for _, r := range rights {
		if tx.Access.ActsAs(unit, r.Scope, r.Roles...) {
			return r, true
		}
	}
	return rectification.Right{}, false
}

// taken is a problem as the next of its ledger, and the ledger with it.
func (s *Service) taken(tx *change.Tx, l *rectificationv1.Ledger, found *rectificationv1.Problem, by rectification.Finder) (*rectificationv1.Ledger, *rectificationv1.Problem, error) {
	if err := s.active(l.GetUnit()); err != nil {
		return nil, nil, err
	}
	l, p, err := rectification.Enter(l, found, by, tx.Now)
	if err != nil {
		return nil, nil, err
	}
	return l, p, rectification.Settable(nil, p, tx.Now, s.serves(tx.Now))
}

// enter stores a problem as the next of its ledger.
func (s *Service) enter(tx *change.Tx, l *rectificationv1.Ledger, found *rectificationv1.Problem, by rectification.Finder) (*rectificationv1.Problem, error) {
	l, p, err := s.taken(tx, l, found, by)
	if err != nil {
		return nil, err
	}
	if _, err := s.ledgers.PutAs(tx, "ledger.changed", l); err != nil {
		return nil, err
	}
	return s.problems.PutAs(tx, "problem.created", p)
}

// GetProblem implements the RPC.
func (s *Service) GetProblem(ctx context.Context, req *rectificationv1.GetProblemRequest) (*rectificationv1.Problem, error) {
	return s.problems.Get(ctx, req.GetName())
}

// ListProblems implements the RPC.
func (s *Service) ListProblems(ctx context.Context, req *rectificationv1.ListProblemsRequest) (*rectificationv1.ListProblemsResponse, error) {
	campaign := req.GetCampaign()
	if req.GetParent() != "ledgers/-" {
		campaign = "" // that of the ledger
	}
	problems, next, err := s.problems.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*rectificationv1.Problem, error], error) {
		if req.GetParent() == "ledgers/-" {
			return found(&s.problems, tx, req, after)
		}
		_, err := s.ledgers.Reach(tx, req.GetParent())
		return s.problems.Scan(tx, after, req.GetParent()+"/problems/"), err
	}, in[*rectificationv1.Problem](campaign))
	return &rectificationv1.ListProblemsResponse{Problems: problems, NextPageToken: next}, err
}

// UpdateProblem implements the RPC.
func (s *Service) UpdateProblem(ctx context.Context, req *rectificationv1.UpdateProblemRequest) (*rectificationv1.Problem, error) {
	update := req.GetProblem()
	return s.reset(ctx, req, update, func(tx *change.Tx, l *rectificationv1.Ledger, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		wanted, err := change.Masked(p, update, req.GetUpdateMask(), rectification.Fields...)
		if err != nil {
			return nil, err
		}
		return rectification.Edit(l, p, wanted, tx.Access.Principal.Name, tx.Now)
	})
}

// PlanProblem implements the RPC.
func (s *Service) PlanProblem(ctx context.Context, req *rectificationv1.PlanProblemRequest) (*rectificationv1.Problem, error) {
	planned, err := s.reset(ctx, req, req, func(tx *change.Tx, l *rectificationv1.Ledger, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Plan(l, p, &rectificationv1.Problem{
			Cause: req.GetCause(), Measures: req.GetMeasures(), Deadline: req.GetDeadline(),
			LeaderResponsible: req.GetLeaderResponsible(), PersonResponsible: req.GetPersonResponsible(),
		}, tx.Access.Principal.Name, tx.Now)
	})
	return planned, plain(err, "problem")
}

// plain is what is wrong with what stands at from in other requests, for one that
// has its fields itself.
func plain(err error, from string) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	return f.Bare(from)
}

// placed is a fault at the field of the request that it is about.
func placed(err error, field, zh, en string) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	return f.At(field, zh, en)
}

// revision makes of a problem, which stands in the ledger, what it should be.
type revision func(*change.Tx, *rectificationv1.Ledger, *rectificationv1.Problem) (*rectificationv1.Problem, error)

// reset revises a problem by a rule that may name others and other days than before.
func (s *Service) reset(ctx context.Context, req change.Request, at change.At, rule revision) (*rectificationv1.Problem, error) {
	return s.problems.ChangeAs(ctx, req, at, s.revised(func(tx *change.Tx, l *rectificationv1.Ledger, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		wanted, err := rule(tx, l, p)
		if err != nil {
			return nil, err
		}
		return wanted, rectification.Settable(p, wanted, tx.Now, s.serves(tx.Now))
	}), change.CatchUp())
}

// revised is the rule that makes a revision, and tells the ledger if the content has
// changed.
func (s *Service) revised(rule revision) func(*change.Tx, *rectificationv1.Problem) (*rectificationv1.Problem, error) {
	return func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		l, err := s.ledgers.Find(tx, ledgerOf(p.GetName()))
		if err != nil {
			return nil, err
		}
		revised, err := rule(tx, l, p)
		if err != nil || rectification.SameContent(p, revised) {
			return revised, err
		}
		return revised, s.touch(tx, l)
	}
}

// touch tells a ledger that its content has changed.
func (s *Service) touch(tx *change.Tx, l *rectificationv1.Ledger) error {
	changed, err := rectification.Change(l)
	if err != nil || proto.Equal(changed, l) {
		return err
	}
	_, err = s.ledgers.PutAs(tx, "ledger.changed", changed)
	return err
}

// StartProblem implements the RPC.
func (s *Service) StartProblem(ctx context.Context, req *rectificationv1.StartProblemRequest) (*rectificationv1.Problem, error) {
	return s.problems.Change(ctx, req, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.Start(p, tx.Access.Principal.Name)
	})
}

// ProgressProblem implements the RPC.
func (s *Service) ProgressProblem(ctx context.Context, req *rectificationv1.ProgressProblemRequest) (*rectificationv1.Problem, error) {
	return s.problems.Change(ctx, req, func(tx *change.Tx, p *rectificationv1.Problem) (*rectificationv1.Problem, error) {
		return rectification.AddProgress(p, req.GetText(), req.GetPercent(), tx.Access.Principal.Name, tx.Now)
	})
}
