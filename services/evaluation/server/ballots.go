package server

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"google.golang.org/grpc/metadata"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/store"
)

// casting is a CastBallotRequest as the pipeline takes it: there a request id
// would stand beside the time. The box keeps a digest of it with the spent code.
type casting struct {
	*evaluationv1.CastBallotRequest
}

func (casting) GetRequestId() string { return "" }

// paper is what a rater shows: the code, and the request id that proves a repeat
// to be theirs, or "".
type paper struct{ code, id string }

// CastBallot implements the RPC. The headers of the call are dropped, because
// the pipeline would keep an Idempotency-Key.
func (s *Service) CastBallot(ctx context.Context, req *evaluationv1.CastBallotRequest) (*evaluationv1.CastBallotResponse, error) {
	code, err := evaluation.ParseCode(req.GetCode())
	if err != nil {
		return nil, err
	}
	id, err := drawn(ctx, req, code)
	if err != nil {
		return nil, err
	}
	ctx = metadata.NewIncomingContext(ctx, nil)
	answer, err := change.Do(ctx, s.book, casting{req}, func(tx *change.Tx) (*evaluationv1.CastBallotResponse, error) {
		tx.Trusted("the code says who may cast")
		return s.take(tx, paper{code, id}, req)
	})
	if req.GetValidateOnly() && err == nil {
		answer.Receipt = "" // it stands for nothing
	}
	return answer, err
}

// drawn is the request id of a ballot, or "" for none. It MUST NOT be found out by who
// knows the code: nothing else keeps them from trying out what was cast.
func drawn(ctx context.Context, req *evaluationv1.CastBallotRequest, code string) (string, error) {
	id, err := change.PublicID(ctx, req)
	if err == nil && strings.Contains(evaluation.Plain(id), code) {
		err = change.ErrFields.At(change.Said(req), "不得包含投票码", "must not contain the code")
	}
	return id, err
}

// take puts a ballot into the box of its round, and gives a receipt for it.
func (s *Service) take(tx *change.Tx, p paper, req *evaluationv1.CastBallotRequest) (*evaluationv1.CastBallotResponse, error) {
	r, err := s.rounds.Find(tx, req.GetParent())
	if err != nil {
		return nil, err
	}
	kept, err := cast(tx, r, p, req.GetAnswers())
	if err != nil {
		return nil, err
	}
	receipt := evaluation.Receipt(r.GetName(), kept.stored)
	return &evaluationv1.CastBallotResponse{Receipt: hex.EncodeToString(receipt[:])}, nil
}

// cast spends the code on the ballot, or finds that this was done before. A spent
// code gets one answer, whatever ballot comes with it: only to whom the request id
// proves to be the rater does it depend on the ballot that was cast.
func cast(tx *change.Tx, r *evaluationv1.Round, p paper, answers []*evaluationv1.Answer) (ballot, error) {
	if r.GetState() == evaluationv1.Round_STATE_DRAFT {
		return ballot{}, authz.ErrNotFound
	}
	b := box{tx, r.GetName()}
	group, err := b.find(p)
	if errors.Is(err, store.ErrNotFound) {
		return ballot{}, cmp.Or(evaluation.Taking(r, tx.Now), error(evaluation.ErrCodeUnknown.At("code", "不属于本轮评议", "is not one of the round")))
	}
	if err != nil {
		return ballot{}, err
	}
	choices, err := evaluation.NewSheet(r).Choices(answers)
	if err != nil {
		return ballot{}, err
	}
	if group == spent {
		return b.recall(p.code, choices)
	}
	if err := evaluation.Taking(r, tx.Now); err != nil {
		return ballot{}, err
	}
	return b.cast(p, group, choices)
}

// GetBallotSet implements the RPC.
func (s *Service) GetBallotSet(ctx context.Context, req *evaluationv1.GetBallotSetRequest) (set *evaluationv1.BallotSet, err error) {
	after, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	err = s.book.View(ctx, func(tx *change.Tx) error {
		set, err = s.ballotSet(tx, req.GetName(), after, page.Size(req.GetPageSize()))
		return err
	})
	if err != nil {
		return nil, err
	}
	set.NextPageToken = s.book.Tokens.Encode(set.GetNextPageToken(), req)
	return set, nil
}

// ballotSet returns a page of the ballot set of that name behind a receipt, with
// the last receipt of the page, if others follow, for its token. An open round
// has none.
func (s *Service) ballotSet(tx *change.Tx, name, after string, size int) (*evaluationv1.BallotSet, error) {
	r, err := s.rounds.Find(tx, strings.TrimSuffix(name, "/ballotSet"))
	if err != nil {
		return nil, err
	}
	if r.GetCloseTime() == nil {
		return nil, authz.ErrNotFound
	}
	set := &evaluationv1.BallotSet{Name: name}
	for _, g := range r.GetGroups() {
		set.Count += g.GetCast()
	}
	set.Receipts, set.NextPageToken, err = box{tx, r.GetName()}.receipts(after, size)
	return set, err
}
