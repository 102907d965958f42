package server

import (
	"context"
	"errors"
	"iter"
	"strconv"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/rectification"
)

// FileLedger implements the RPC.
func (s *Service) FileLedger(ctx context.Context, req *rectificationv1.FileLedgerRequest) (*rectificationv1.Ledger, error) {
	return s.ledgers.Change(ctx, req, func(tx *change.Tx, l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		problems, err := s.problemsOf(tx, l)
		if err != nil {
			return nil, err
		}
		f, err := rectification.File(l, problems, tx.Access.Principal.Name, tx.Now, s.days)
		if err != nil {
			return nil, err
		}
		return f.Ledger, s.keep(tx, f)
	})
}

// keep stores what comes of a filing beside the ledger.
func (s *Service) keep(tx *change.Tx, f *rectification.Filing) error {
	if err := s.supersede(tx, f.Ledger); err != nil {
		return err
	}
	if _, err := s.versions.PutAs(tx, "version.filed", f.Version); err != nil {
		return err
	}
	for i, p := range f.Problems {
		if _, err := s.contents.PutAs(tx, "content.filed", f.Contents[i]); err != nil {
			return err
		}
		if _, err := s.problems.PutAs(tx, "problem.filed", p); err != nil {
			return err
		}
	}
	return nil
}

// supersede takes the version before the newest off the superior's desk, if it
// still lies there.
func (s *Service) supersede(tx *change.Tx, l *rectificationv1.Ledger) error {
	if l.GetVersion() == 1 {
		return nil
	}
	v, err := s.versions.Find(tx, rectification.VersionName(l.GetName(), l.GetVersion()-1))
	if err != nil {
		return err
	}
	if v = rectification.Supersede(v); v == nil {
		return nil
	}
	_, err = s.versions.PutAs(tx, "version.superseded", v)
	return err
}

// AcknowledgeLedger implements the RPC.
func (s *Service) AcknowledgeLedger(ctx context.Context, req *rectificationv1.AcknowledgeLedgerRequest) (*rectificationv1.Ledger, error) {
	return s.ledgers.Change(ctx, req, func(tx *change.Tx, l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		return s.decide(tx, l, rectification.Verdict{})
	})
}

// ReturnLedger implements the RPC.
func (s *Service) ReturnLedger(ctx context.Context, req *rectificationv1.ReturnLedgerRequest) (*rectificationv1.Ledger, error) {
	return s.ledgers.Change(ctx, req, func(tx *change.Tx, l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		return s.decide(tx, l, rectification.Verdict{Reason: req.GetReason()})
	})
}

// RecordLedgerReply implements the RPC.
func (s *Service) RecordLedgerReply(ctx context.Context, req *rectificationv1.RecordLedgerReplyRequest) (*rectificationv1.Ledger, error) {
	return s.ledgers.Change(ctx, req, func(tx *change.Tx, l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		if !s.topmost(tx, l.GetUnit()) {
			return nil, rectification.ErrLedgerHasSuperior
		}
		return s.decide(tx, l, rectification.Verdict{Reason: req.GetReturnReason(), Document: req.GetDocumentNumber()})
	})
}

// decide brings a verdict on the newest version to the ledger, the version and,
// if it is acknowledged, the problems in it.
func (s *Service) decide(tx *change.Tx, l *rectificationv1.Ledger, d rectification.Verdict) (*rectificationv1.Ledger, error) {
	d.Decider, d.Time = tx.Access.Principal.Name, tx.Now
	v, err := s.newest(tx, l)
	if err != nil {
		return nil, err
	}
	decided, v, err := rectification.Decide(l, v, d, s.days)
	if err != nil {
		return nil, err
	}
	event := "version.acknowledged"
	if d.Reason != "" {
		event = "version.returned"
	}
	if v, err = s.versions.PutAs(tx, event, v); err != nil || d.Reason != "" {
		return decided, err
	}
	return decided, s.accept(tx, decided, v)
}

// newest returns the newest version of a ledger; an empty one if none was filed.
func (s *Service) newest(tx *change.Tx, l *rectificationv1.Ledger) (*rectificationv1.LedgerVersion, error) {
	if l.GetVersion() == 0 {
		return &rectificationv1.LedgerVersion{}, nil
	}
	return s.versions.Find(tx, rectification.VersionName(l.GetName(), l.GetVersion()))
}

// accept lets the problems of an acknowledged version count by what it has of them.
func (s *Service) accept(tx *change.Tx, l *rectificationv1.Ledger, v *rectificationv1.LedgerVersion) error {
	problems, err := s.problemsOf(tx, l)
	if err != nil {
		return err
	}
	for _, p := range problems {
		name := rectification.Unaccepted(v, p)
		if name == "" {
			continue
		}
		filed, err := s.contents.Find(tx, name)
		if err != nil {
			return change.Unknown(err, errBroken)
		}
		if _, err := s.problems.PutAs(tx, "problem.accepted", rectification.Accept(p, filed, v)); err != nil {
			return err
		}
	}
	return nil
}

// GetLedgerVersion implements the RPC.
func (s *Service) GetLedgerVersion(ctx context.Context, req *rectificationv1.GetLedgerVersionRequest) (*rectificationv1.LedgerVersion, error) {
	return s.versions.Get(ctx, req.GetName())
}

// ListLedgerVersions implements the RPC.
func (s *Service) ListLedgerVersions(ctx context.Context, req *rectificationv1.ListLedgerVersionsRequest) (*rectificationv1.ListLedgerVersionsResponse, error) {
	versions, next, err := s.versions.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*rectificationv1.LedgerVersion, error], error) {
		_, err := s.ledgers.Reach(tx, req.GetParent())
		return s.versions.Scan(tx, after, req.GetParent()+"/versions/"), err
	})
	return &rectificationv1.ListLedgerVersionsResponse{LedgerVersions: versions, NextPageToken: next}, err
}

// ListFiledProblems implements the RPC.
func (s *Service) ListFiledProblems(ctx context.Context, req *rectificationv1.ListFiledProblemsRequest) (*rectificationv1.ListFiledProblemsResponse, error) {
	filed, next, err := s.contents.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*rectificationv1.FiledProblem, error], error) {
		v, err := s.versions.Reach(tx, req.GetParent())
		if err != nil {
			return nil, err
		}
		return s.filed(tx, v, after), nil
	})
	return &rectificationv1.ListFiledProblemsResponse{FiledProblems: filed, NextPageToken: next}, err
}

// filed yields the problems of a version as they were filed, behind the number
// with which the name after ends.
func (s *Service) filed(tx *change.Tx, v *rectificationv1.LedgerVersion, after string) iter.Seq2[*rectificationv1.FiledProblem, error] {
	return func(yield func(*rectificationv1.FiledProblem, error) bool) {
		for i := number(after); i < len(v.GetFiledIn()); i++ {
			name := rectification.ContentName(ledgerOf(v.GetName()), v.GetFiledIn()[i], int32(i+1))
			if c, err := s.contents.Find(tx, name); !yield(c, change.Unknown(err, errBroken)) || err != nil {
				return
			}
		}
	}
}

// number is the one that a name ends with, 0 for none.
func number(name string) int {
	if len(name) < 4 {
		return 0
	}
	n, err := strconv.Atoi(name[len(name)-4:])
	if err != nil {
		return 0
	}
	return n
}

// errBroken says that a part of what was filed is missing: the store is broken, and
// nothing that the caller named is unknown.
var errBroken = errors.New("rectification: the content of a filed version is gone")
