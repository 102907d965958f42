package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

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
	// Try says whether Enter would take the problem now. Nothing is changed.
	Try(ctx context.Context, problem *rectificationv1.Problem) error
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
		Problem: told(problem),
	})
	if err != nil {
		return "", fmt.Errorf("entering the problem: %w", err)
	}
	return entered.GetName(), nil
}

// Try implements Ledgers.
func (r Rectification) Try(ctx context.Context, problem *rectificationv1.Problem) error {
	_, err := r.Client.EnsureLedger(ctx, &rectificationv1.EnsureLedgerRequest{
		Unit: problem.GetUnit(), Campaign: problem.GetCampaign(), Problem: told(problem), ValidateOnly: true,
	})
	if f := fault.As(err); f != nil {
		return f.Bare("problem")
	}
	return err
}

// told is what the ledger is told of a problem.
func told(problem *rectificationv1.Problem) *rectificationv1.Problem {
	return &rectificationv1.Problem{
		Category: problem.GetCategory(), Item: problem.GetItem(), Level: problem.GetLevel(), Source: problem.GetSource(),
		Description: problem.GetDescription(), Deadline: problem.GetDeadline(),
	}
}

const (
	ordered       = "complaint.rectification.ordered.v1"
	cursorsBucket = "complaint.cursors" // feed → where the worker reads on
)

// Work implements serve.Worker: it follows the service's own feed and enters
// what was ordered, in order, tries again what was set aside, and counts days anew. What is
// delivered twice is applied once.
func (s *Service) Work(ctx context.Context) error {
	start, err := s.cursor(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return feed.Follow(ctx, s.Feed, feed.Reader{Feed: "complaint", From: start, Apply: s.carryOut})
	})
	g.Go(func() error { return s.retry(ctx) })
	g.Go(func() error { return s.announced.Work(ctx) })
	return g.Wait()
}

// carryOut delivers what a run of the feed orders, and then remembers where the
// next one begins.
func (s *Service) carryOut(ctx context.Context, run []*feedv1.Entry, _, _ uint64) error {
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
	return insist(ctx, "remembering what was delivered", func() error { return s.advance(ctx, feed.Place{}.Behind(run)) })
}

// delivered returns once the order of the complaint is settled or set aside. It
// tries again for as long as the ledgers or the service itself cannot be reached.
func (s *Service) delivered(ctx context.Context, name string) error {
	own := 0
	return insist(ctx, "entering an ordered problem", func() error {
		err := s.deliver(ctx, name)
		if err == nil || outage(err) || ctx.Err() != nil {
			return err
		}
		if own++; own < patience {
			return err
		}
		return s.setAside(ctx, name, err)
	})
}

// insist tries until it works, after growing delays, or returns ctx's error.
func insist(ctx context.Context, doing string, try func() error) error {
	var tries feed.Backoff
	for {
		err := try()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		slog.WarnContext(ctx, doing, "error", err)
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
	settled, err := s.enter(ctx, name, problem)
	if err != nil {
		return err
	}
	if _, err = s.Self.SettleRectification(ctx, settled); err != nil && settled.GetProblem() != problem.GetName() {
		return errors.Join(err, s.entered(ctx, name, settled.GetProblem()))
	}
	return err
}

// enter enters an ordered problem and says what came of it. An order that has a
// name was entered before, and only not settled.
func (s *Service) enter(ctx context.Context, name string, problem *rectificationv1.Problem) (*complaintv1.SettleRectificationRequest, error) {
	entered, err := problem.GetName(), error(nil)
	if entered == "" {
		entered, err = s.Ledgers.Enter(ctx, s.requestID(name), problem)
	}
	settled := &complaintv1.SettleRectificationRequest{Name: name}
	switch {
	case err == nil:
		settled.Outcome = &complaintv1.SettleRectificationRequest_Problem{Problem: entered}
	case final(err):
		settled.Outcome = &complaintv1.SettleRectificationRequest_Refusal{Refusal: fault.As(err).Reason}
	default:
		return nil, err
	}
	return settled, nil
}

// entered notes in an order that still stands which problem it became: it must
// not be entered again when the ledger no longer remembers the request id.
func (s *Service) entered(ctx context.Context, name, problem string) error {
	return s.book.Store.Update(ctx, func(tx store.Tx) error {
		sealed, there, err := store.Seek(tx, ordersBucket, []byte(name))
		if err != nil || !there {
			return err
		}
		order, err := s.readOrder(name, sealed)
		if err != nil {
			return err
		}
		order.Name = problem
		return s.keepOrder(tx, name, order)
	})
}

// final says whether the same order would be refused again.
func final(err error) bool {
	f := fault.As(err)
	if f == nil || outage(err) {
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
		sealed, there, err := store.Seek(tx, ordersBucket, []byte(name))
		if err != nil || !there {
			return err
		}
		problem, err = s.readOrder(name, sealed)
		return err
	})
	return problem, err
}

func (s *Service) cursor(ctx context.Context) (read feed.Place, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) (err error) {
		read, err = feed.SeekPlace(tx, cursorsBucket, "complaint")
		return err
	})
	return read, err
}

func (s *Service) advance(ctx context.Context, read feed.Place) error {
	return s.book.Store.Update(ctx, func(tx store.Tx) error {
		return read.Put(tx, cursorsBucket, "complaint")
	})
}
