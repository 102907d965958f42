package server

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Ledgers is where ordered problems are entered (整改台账).
type Ledgers interface {
	// Enter enters the problem into the ledger of its unit and campaign, opening
	// one if there is none, and returns the problem's name. A repeat with the
	// same request id MUST return the first problem.
	Enter(ctx context.Context, requestID string, problem *rectificationv1.Problem) (name string, err error)
}

// Rectification enters problems by calling the rectification service.
type Rectification struct {
	Client rectificationv1.RectificationServiceClient
}

// Enter implements Ledgers.
func (r Rectification) Enter(ctx context.Context, requestID string, problem *rectificationv1.Problem) (string, error) {
	ledger, err := r.Client.EnsureLedger(ctx, &rectificationv1.EnsureLedgerRequest{
		Unit: problem.GetUnit(), Campaign: problem.GetCampaign(),
	})
	if err != nil {
		return "", fmt.Errorf("finding the ledger: %w", err)
	}
	entered, err := r.Client.CreateProblem(ctx, &rectificationv1.CreateProblemRequest{
		Parent: ledger.GetName(), RequestId: requestID,
		Problem: &rectificationv1.Problem{
			Category: problem.GetCategory(), Item: problem.GetItem(), Level: problem.GetLevel(), Source: problem.GetSource(),
			Description: problem.GetDescription(), Deadline: problem.GetDeadline(),
		},
	})
	if err != nil {
		return "", fmt.Errorf("entering the problem: %w", err)
	}
	return entered.GetName(), nil
}

const (
	ordered       = "complaint.rectification.ordered.v1"
	cursorsBucket = "complaint.cursors" // feed → where the worker reads on
)

// Work implements serve.Worker: it follows the service's own feed and enters
// what was ordered, in order. What is delivered twice is applied once.
func (s *Service) Work(ctx context.Context) error {
	start, err := s.cursor(ctx)
	if err != nil {
		return err
	}
	return feed.Follow(ctx, s.Feed, "complaint", start, func(ctx context.Context, run []*feedv1.Entry, next, _ uint64) error {
		for _, e := range run {
			if e.GetKind() != ordered {
				continue
			}
			if err := s.delivered(ctx, e.GetSubject()); err != nil {
				return err
			}
		}
		if len(run) == 0 {
			return nil
		}
		return s.advance(ctx, next)
	})
}

// delivered returns once the order of the complaint is settled. It tries again
// for as long as the ledgers or the service itself cannot be reached.
func (s *Service) delivered(ctx context.Context, name string) error {
	var tries feed.Backoff
	for {
		err := s.deliver(ctx, name)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		slog.WarnContext(ctx, "entering an ordered problem", "error", err)
		if err := tries.Pause(ctx); err != nil {
			return err
		}
	}
}

// deliver tries once.
func (s *Service) deliver(ctx context.Context, name string) error {
	problem, err := s.order(ctx, name)
	if err != nil || problem == nil {
		return err
	}
	settled := &complaintv1.SettleRectificationRequest{Name: name}
	entered, err := s.Ledgers.Enter(ctx, s.requestID(name), problem)
	switch {
	case err == nil:
		settled.Outcome = &complaintv1.SettleRectificationRequest_Problem{Problem: entered}
	case final(err):
		settled.Outcome = &complaintv1.SettleRectificationRequest_Refusal{Refusal: fault.As(err).Reason}
	default:
		return err
	}
	_, err = s.Self.SettleRectification(ctx, settled)
	return err
}

// final says whether the same order would be refused again.
func final(err error) bool {
	f := fault.As(err)
	if f == nil {
		return false
	}
	switch f.Kind() {
	case faultv1.Kind_KIND_INVALID, faultv1.Kind_KIND_DENIED, faultv1.Kind_KIND_MISSING, faultv1.Kind_KIND_EXISTS, faultv1.Kind_KIND_REFUSED:
		return true
	default:
		return false
	}
}

// requestID is the same for every delivery of a complaint's order, and tells
// nobody without the key which complaint it is: the ledger keeps it.
func (s *Service) requestID(name string) string {
	return "complaint/" + hex.EncodeToString(s.book.Pseudonym(name))
}

// order returns the problem that is on order, or nil if it was settled.
func (s *Service) order(ctx context.Context, name string) (problem *rectificationv1.Problem, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		sealed, err := tx.Get(ordersBucket, []byte(name))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		problem, err = s.readOrder(name, sealed)
		return err
	})
	return problem, err
}

func (s *Service) cursor(ctx context.Context) (next uint64, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		b, err := tx.Get(cursorsBucket, []byte("complaint"))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil && len(b) != 8 {
			err = fmt.Errorf("a cursor of %d bytes", len(b))
		}
		if err != nil {
			return fmt.Errorf("reading the cursor: %w", err)
		}
		next = binary.BigEndian.Uint64(b)
		return nil
	})
	return next, err
}

func (s *Service) advance(ctx context.Context, next uint64) error {
	return s.book.Store.Update(ctx, func(tx store.Tx) error {
		return tx.Put(cursorsBucket, []byte("complaint"), binary.BigEndian.AppendUint64(nil, next))
	})
}
