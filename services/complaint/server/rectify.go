package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/change"
)

// ordersBucket keeps, until they are settled, the problems that were ordered:
// complaint → Problem. They are encrypted, because the unit stands in them.
const ordersBucket = "complaint.orders"

// RectifyComplaint implements the RPC. Nothing of the complaint's own words goes
// into the problem.
func (s *Service) RectifyComplaint(ctx context.Context, req *complaintv1.RectifyComplaintRequest) (*complaintv1.Complaint, error) {
	return s.act(ctx, &s.cases, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		c, err := complaint.OrderRectification(c)
		if err != nil {
			return nil, err
		}
		return c, s.keepOrder(tx, c.GetName(), &rectificationv1.Problem{
			Unit: c.GetUnit(), Campaign: req.GetCampaign(), Category: req.GetCategory(), Item: req.GetItem(),
			Level: req.GetLevel(), Source: rectificationv1.Problem_SOURCE_COMPLAINT,
			Description: req.GetDescription(), Deadline: req.GetDeadline(),
		})
	})
}

func (s *Service) keepOrder(tx *change.Tx, name string, problem *rectificationv1.Problem) error {
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
		return nil, fmt.Errorf("opening the order of %s: %w", name, err)
	}
	problem := &rectificationv1.Problem{}
	return problem, proto.Unmarshal(plain, problem)
}

// SettleRectification implements the RPC.
func (s *Service) SettleRectification(ctx context.Context, req *complaintv1.SettleRectificationRequest) (*complaintv1.SettleRectificationResponse, error) {
	done := &complaintv1.SettleRectificationResponse{}
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*complaintv1.SettleRectificationResponse, error) {
		c, err := s.cases.ReachAt(tx, req)
		if err != nil {
			return nil, err
		}
		if c, err = s.whole(tx, c); err != nil {
			return nil, err
		}
		if c.GetRectification() != complaintv1.Complaint_RECTIFICATION_ORDERED {
			return done, nil // a repeat
		}
		if c, err = s.part(tx, complaint.SettleRectification(c, req.GetProblem(), req.GetRefusal())); err != nil {
			return nil, err
		}
		if _, err = s.cases.Put(tx, c); err != nil {
			return nil, err
		}
		return done, tx.Delete(ordersBucket, []byte(req.GetName()))
	})
}
