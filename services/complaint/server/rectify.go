package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// ordersBucket keeps, until they are settled, the problems that were ordered:
// complaint → Problem. They are encrypted, because the unit stands in them.
const ordersBucket = "complaint.orders"

// orderRow is the form of an order: of a complaint; what is ordered is encrypted.
var orderRow = store.Every(
	store.Shaped(func(_, value []byte) bool { return len(value) > 0 }),
	store.Of("duban.complaint.v1.Complaint", store.Same),
)

// RectifyComplaint implements the RPC. Nothing of the complaint's own words goes
// into the problem. The ledger is asked first whether it would take it, so that only
// what comes in between is refused later.
func (s *Service) RectifyComplaint(ctx context.Context, req *complaintv1.RectifyComplaintRequest) (*complaintv1.Complaint, error) {
	return s.act(ctx, &s.owned, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		c, err := complaint.OrderRectification(c)
		if err != nil {
			return nil, err
		}
		return c, s.keepOrder(tx, c.GetName(), wanted(c, req))
	}, change.Before(func(ctx context.Context) error { return s.try(ctx, req) }))
}

// wanted is the problem that is ordered for a complaint, given with its content.
func wanted(c *complaintv1.Complaint, req *complaintv1.RectifyComplaintRequest) *rectificationv1.Problem {
	return &rectificationv1.Problem{
		Unit: c.GetUnit(), Campaign: req.GetCampaign(), Category: req.GetCategory(), Item: req.GetItem(),
		Level: req.GetLevel(), Source: rectificationv1.Problem_SOURCE_COMPLAINT,
		Description: req.GetDescription(), Deadline: req.GetDeadline(),
	}
}

// try says whether the ledger would take what is ordered, if it can be ordered.
func (s *Service) try(ctx context.Context, req *complaintv1.RectifyComplaintRequest) error {
	var problem *rectificationv1.Problem
	err := s.book.View(ctx, func(tx *change.Tx) error {
		c, err := s.owned.Reach(tx, req.GetName())
		if err != nil {
			return err
		}
		if c, err = s.whole(tx, c); err != nil {
			return err
		}
		problem = wanted(c, req)
		_, err = complaint.OrderRectification(c)
		return err
	})
	if err != nil {
		return err
	}
	return s.Ledgers.Try(ctx, problem)
}

func (s *Service) keepOrder(tx store.Tx, name string, problem *rectificationv1.Problem) error {
	plain, err := deterministic.Marshal(problem)
	if err != nil {
		return fmt.Errorf("encoding the order of %s: %w", name, err)
	}
	sealed, err := s.Desks.Seal(ordersBucket, "order of "+name, plain)
	if err != nil {
		return err
	}
	return tx.Put(ordersBucket, []byte(name), sealed)
}

// readOrder undoes keepOrder.
func (s *Service) readOrder(name string, sealed []byte) (*rectificationv1.Problem, error) {
	plain, err := s.Desks.Open(ordersBucket, "order of "+name, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the order of %s: %w: %w", name, errUnreadable, err)
	}
	problem := &rectificationv1.Problem{}
	if err := proto.Unmarshal(plain, problem); err != nil {
		return nil, fmt.Errorf("decoding the order of %s: %w: %w", name, errUnreadable, err)
	}
	return problem, nil
}

// SettleRectification implements the RPC.
func (s *Service) SettleRectification(ctx context.Context, req *complaintv1.SettleRectificationRequest) (*complaintv1.SettleRectificationResponse, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*complaintv1.SettleRectificationResponse, error) {
		c, err := s.cases.ReachAt(tx, req)
		if err != nil {
			return nil, err
		}
		return &complaintv1.SettleRectificationResponse{}, s.settle(tx, c, req)
	})
}

// settle notes the outcome. Of what is settled no order is left, also after a
// repeat; what changes nothing leaves no entry.
func (s *Service) settle(tx *change.Tx, c *complaintv1.Complaint, o complaint.Outcome) error {
	whole, err := s.whole(tx, c)
	if err != nil {
		return err
	}
	next, settled := complaint.SettleRectification(whole, o)
	if !proto.Equal(next, whole) {
		if err := s.note(tx, next, settled); err != nil {
			return err
		}
	}
	if !settled {
		return nil
	}
	return s.forget(tx, c.GetName())
}

// note stores a complaint of whose order something became, or is hindered.
func (s *Service) note(tx *change.Tx, whole *complaintv1.Complaint, settled bool) error {
	open, err := s.part(tx, whole)
	if err != nil {
		return err
	}
	event := "rectification.hindered"
	if settled {
		event = tx.Access.Method.Rule.GetEvent()
	}
	_, err = s.cases.PutAs(tx, event, open)
	return err
}
