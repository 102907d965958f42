package server

import (
	"context"
	"fmt"
	"iter"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// CreateRound implements the RPC.
func (s *Service) CreateRound(ctx context.Context, req *evaluationv1.CreateRoundRequest) (*evaluationv1.Round, error) {
	return s.rounds.Create(ctx, req, req.GetRound().GetOwner(), func(tx *change.Tx) (*evaluationv1.Round, error) {
		name, err := s.rounds.NewName(tx, "rounds/", req.GetRoundId(), evaluation.ErrRoundExists.At("round_id", "已被使用", "is in use"))
		if err != nil {
			return nil, err
		}
		scheme := s.scheme(req.GetRound().GetScheme(), req.GetRound().GetSchemeVersion())
		if scheme == nil {
			return nil, evaluation.ErrSchemeUnknown.At("round.scheme", "没有此评议方案或版本", "is no scheme, or has no such version")
		}
		r, err := evaluation.NewRound(name, req.GetRound(), scheme, s.place, tx.Now)
		if err != nil {
			return nil, err
		}
		return r, s.apart(tx, r)
	}, change.CatchUp())
}

// apart refuses whoever is among the evaluated.
func (s *Service) apart(tx *change.Tx, r *evaluationv1.Round) error {
	if evaluation.Evaluated(r, s.standing(tx)) {
		return evaluation.ErrEvaluatedActs
	}
	return nil
}

// mayRun decides who runs a round: the owner's side, but nobody among the evaluated.
// With the tree the grants MUST be brought up to date: who was put among them a moment
// ago is.
func (s *Service) mayRun(tx *change.Tx, r *evaluationv1.Round) error {
	if err := s.mayRound(tx, r); err != nil {
		return err
	}
	return s.apart(tx, r)
}

func (s *Service) place(unit string) evaluation.Place {
	active := s.units.Unit(unit).GetState() == organizationv1.Unit_STATE_ACTIVE
	return evaluation.Place{Path: s.units.Path(unit), Active: active}
}

// GetRound implements the RPC.
func (s *Service) GetRound(ctx context.Context, req *evaluationv1.GetRoundRequest) (*evaluationv1.Round, error) {
	return s.rounds.Get(ctx, req.GetName())
}

// ListRounds implements the RPC.
func (s *Service) ListRounds(ctx context.Context, req *evaluationv1.ListRoundsRequest) (*evaluationv1.ListRoundsResponse, error) {
	if req.GetOwner() != "" && req.GetSubject() != "" {
		return nil, change.ErrFields.At("subject", "不能与 owner 同时填写", "must not be set together with owner")
	}
	rounds, next, err := s.rounds.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*evaluationv1.Round, error], error) {
		return s.asked(tx, req, after), nil
	})
	return &evaluationv1.ListRoundsResponse{Rounds: rounds, NextPageToken: next}, err
}

// asked yields the rounds of the owner or the subject that the request names.
func (s *Service) asked(tx *change.Tx, req *evaluationv1.ListRoundsRequest, after string) iter.Seq2[*evaluationv1.Round, error] {
	switch {
	case req.GetOwner() != "":
		return s.rounds.Lookup(tx, "owner", req.GetOwner(), after)
	case req.GetSubject() != "":
		return s.rounds.Lookup(tx, "subjects", req.GetSubject(), after)
	default:
		return s.rounds.Scan(tx, after, "")
	}
}

// OpenRound implements the RPC.
func (s *Service) OpenRound(ctx context.Context, req *evaluationv1.OpenRoundRequest) (*evaluationv1.Round, error) {
	return s.run.Change(ctx, req, func(tx *change.Tx, r *evaluationv1.Round) (*evaluationv1.Round, error) {
		free, err := s.free(tx, r)
		if err != nil {
			return nil, err
		}
		r, err = evaluation.Open(r, free, tx.Access.Principal.Name, tx.Now)
		if err != nil {
			return nil, err
		}
		return r, openBox(tx, r.GetName())
	}, change.CatchUp())
}

// VoidRound implements the RPC. The box of an open round goes with it.
func (s *Service) VoidRound(ctx context.Context, req *evaluationv1.VoidRoundRequest) (*evaluationv1.Round, error) {
	return s.run.Change(ctx, req, func(tx *change.Tx, r *evaluationv1.Round) (*evaluationv1.Round, error) {
		voided, err := evaluation.Void(r, tx.Access.Principal.Name)
		if err != nil {
			return nil, err
		}
		return voided, box{tx, r.GetName()}.seal()
	}, change.CatchUp())
}

// free is the day from which no other round of the owner, or of those merged with it,
// stands in the way of opening this one. It reads each of them once.
func (s *Service) free(tx *change.Tx, r *evaluationv1.Round) (free calendar.Date, err error) {
	heir := s.units.Heir(r.GetOwner())
	for _, owner := range append(s.units.Merges(heir), heir) {
		for other, err := range s.rounds.Lookup(tx, "owner", owner, "") {
			if err != nil {
				return free, err
			}
			day, err := evaluation.Free(r, other, s.units.Heir, tx.Now)
			if err != nil {
				return free, fmt.Errorf("reading when %s is open: %w", other.GetName(), err)
			}
			if free.Before(day) {
				free = day
			}
		}
	}
	return free, nil
}

// issuing is an IssueCredentialsRequest as the pipeline finds its round.
type issuing struct {
	*evaluationv1.IssueCredentialsRequest
}

func (i issuing) GetName() string { return i.GetParent() }

// IssueCredentials implements the RPC.
func (s *Service) IssueCredentials(ctx context.Context, req *evaluationv1.IssueCredentialsRequest) (*evaluationv1.IssueCredentialsResponse, error) {
	return change.On(ctx, &s.rounds, issuing{req}, func(tx *change.Tx, r *evaluationv1.Round) (*evaluationv1.IssueCredentialsResponse, error) {
		return s.issue(tx, r, req)
	}, change.CatchUp())
}

// issue makes codes of the round and notes how many.
func (s *Service) issue(tx *change.Tx, r *evaluationv1.Round, req *evaluationv1.IssueCredentialsRequest) (*evaluationv1.IssueCredentialsResponse, error) {
	if evaluation.Evaluated(r, s.standing(tx)) {
		return nil, evaluation.ErrIssuerEvaluated
	}
	r, err := evaluation.Issue(r, evaluation.Codes{By: tx.Access.Principal.Name, Group: req.GetGroup(), Count: int(req.GetCount())}, tx.Now)
	if err != nil {
		return nil, err
	}
	codes, err := box{tx, r.GetName()}.issue(evaluation.GroupAt(r, req.GetGroup()), int(req.GetCount()))
	if err != nil {
		return nil, err
	}
	r, err = s.rounds.Put(tx, r)
	return &evaluationv1.IssueCredentialsResponse{Codes: codes, Round: r}, err
}

// standing is where the caller stands, whatever their key is narrowed to.
func (s *Service) standing(tx *change.Tx) [][]string {
	return s.units.Standing(tx.Access.Principal.Name, calendar.On(tx.Now).String())
}

// CloseRound implements the RPC.
func (s *Service) CloseRound(ctx context.Context, req *evaluationv1.CloseRoundRequest) (*evaluationv1.Round, error) {
	return s.run.Change(ctx, req, func(tx *change.Tx, r *evaluationv1.Round) (*evaluationv1.Round, error) {
		count, err := box{tx, r.GetName()}.count(staged, r)
		if err != nil {
			return nil, err
		}
		closed, err := evaluation.Close(r, count.Cast(), tx.Access.Principal.Name, tx.Now)
		if err != nil {
			return nil, err
		}
		return closed, s.sealBox(tx, r.GetName())
	}, change.CatchUp())
}

// sealBox tells in the feed what lies in the round's box, and lets nothing more
// into it.
func (s *Service) sealBox(tx *change.Tx, round string) error {
	if err := s.appendBatches(tx, round, tx.Now); err != nil {
		return err
	}
	return box{tx, round}.seal()
}

// TallyRound implements the RPC.
func (s *Service) TallyRound(ctx context.Context, req *evaluationv1.TallyRoundRequest) (*evaluationv1.Round, error) {
	var figures []*evaluationv1.Measure
	return s.run.Change(ctx, req, func(tx *change.Tx, r *evaluationv1.Round) (*evaluationv1.Round, error) {
		count, err := box{tx, r.GetName()}.count(final, r)
		if err != nil {
			return nil, err
		}
		beside := evaluation.Beside{By: tx.Access.Principal.Name, Measures: req.GetMeasures(), Figures: figures, Vetoes: req.GetVetoes()}
		r, results, err := evaluation.Tally(r, count, beside, tx.Now)
		if err != nil {
			return nil, err
		}
		return r, s.putResults(tx, "result.tallied", results)
	}, change.CatchUp(), s.reading(req.GetName(), &figures))
}

// PublishRound implements the RPC.
func (s *Service) PublishRound(ctx context.Context, req *evaluationv1.PublishRoundRequest) (*evaluationv1.Round, error) {
	return s.run.Change(ctx, req, func(tx *change.Tx, r *evaluationv1.Round) (*evaluationv1.Round, error) {
		results, err := s.resultsOf(tx, r.GetName())
		if err != nil {
			return nil, err
		}
		r, results, err = evaluation.Publish(r, results, tx.Access.Principal.Name, tx.Now)
		if err != nil {
			return nil, err
		}
		return r, s.putResults(tx, "result.published", results)
	}, change.CatchUp())
}

func (s *Service) resultsOf(tx *change.Tx, round string) (results []*evaluationv1.Result, err error) {
	for result, err := range s.results.Scan(tx, "", round+"/results/") {
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (s *Service) putResults(tx *change.Tx, event string, results []*evaluationv1.Result) error {
	for _, result := range results {
		if _, err := s.results.PutAs(tx, event, result); err != nil {
			return err
		}
	}
	return nil
}

// GetResult implements the RPC.
func (s *Service) GetResult(ctx context.Context, req *evaluationv1.GetResultRequest) (*evaluationv1.Result, error) {
	return s.results.Get(ctx, req.GetName())
}

// ListResults implements the RPC.
func (s *Service) ListResults(ctx context.Context, req *evaluationv1.ListResultsRequest) (*evaluationv1.ListResultsResponse, error) {
	results, next, err := s.results.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*evaluationv1.Result, error], error) {
		_, err := s.rounds.Reach(tx, req.GetParent())
		return s.results.Scan(tx, after, req.GetParent()+"/results/"), err
	})
	return &evaluationv1.ListResultsResponse{Results: results, NextPageToken: next}, err
}
