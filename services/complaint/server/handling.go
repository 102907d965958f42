package server

import (
	"context"
	"errors"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// GetComplaint implements the RPC.
func (s *Service) GetComplaint(ctx context.Context, req *complaintv1.GetComplaintRequest) (*complaintv1.Complaint, error) {
	return s.readable.Get(ctx, req.GetName())
}

// ListComplaints implements the RPC.
func (s *Service) ListComplaints(ctx context.Context, req *complaintv1.ListComplaintsRequest) (*complaintv1.ListComplaintsResponse, error) {
	found, next, err := s.readable.List(ctx, req, s.readable.By("desk", req.GetDesk()))
	return &complaintv1.ListComplaintsResponse{Complaints: found, NextPageToken: next}, err
}

// AcceptComplaint implements the RPC.
func (s *Service) AcceptComplaint(ctx context.Context, req *complaintv1.AcceptComplaintRequest) (*complaintv1.Complaint, error) {
	return s.act(ctx, &s.cases, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		c, err := complaint.Accept(c, tx.Access.Principal.Name, tx.Now)
		if err != nil {
			return nil, err
		}
		return s.Packs.Set(c, s.Days, calendar.On(c.GetCreateTime().AsTime()), calendar.On(tx.Now))
	})
}

// RejectComplaint implements the RPC.
func (s *Service) RejectComplaint(ctx context.Context, req *complaintv1.RejectComplaintRequest) (*complaintv1.Complaint, error) {
	return s.act(ctx, &s.cases, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.Reject(c, req.GetReason(), tx.Access.Principal.Name, tx.Now)
	})
}

// AssignComplaint implements the RPC.
func (s *Service) AssignComplaint(ctx context.Context, req *complaintv1.AssignComplaintRequest) (*complaintv1.Complaint, error) {
	return s.act(ctx, &s.owned, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		c, err := s.assign(c, req)
		if err != nil {
			return nil, err
		}
		return complaint.Assigned(c, tx.Access.Principal.Name, tx.Now), nil
	}, change.CatchUp())
}

func (s *Service) assign(c *complaintv1.Complaint, req *complaintv1.AssignComplaintRequest) (*complaintv1.Complaint, error) {
	if req.GetAssignee() != "" {
		return complaint.AssignOfficer(c, req.GetAssignee(), s.bench)
	}
	return complaint.AssignUnit(c, s.bench.active(req.GetUnit()), s.bench)
}

// TakeOverComplaint implements the RPC. What was sealed to the old desk is
// sealed to the new one.
func (s *Service) TakeOverComplaint(ctx context.Context, req *complaintv1.TakeOverComplaintRequest) (*complaintv1.Complaint, error) {
	return s.act(ctx, &s.heritable, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.TakeOver(c, tx.Access.Principal.Name, s.bench)
	}, change.CatchUp())
}

// ReplyComplaint implements the RPC.
func (s *Service) ReplyComplaint(ctx context.Context, req *complaintv1.ReplyComplaintRequest) (*complaintv1.Complaint, error) {
	return s.act(ctx, &s.answerable, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.Reply(c, req.GetText(), tx.Access.Principal.Name, tx.Now)
	})
}

// CloseComplaint implements the RPC.
func (s *Service) CloseComplaint(ctx context.Context, req *complaintv1.CloseComplaintRequest) (*complaintv1.Complaint, error) {
	return change.On(ctx, &s.owned, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		closed, err := s.ruled(tx, &s.owned, c, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
			return complaint.Close(c, tx.Access.Principal.Name, tx.Now)
		})
		if errors.Is(err, complaint.ErrContentMissing) {
			return s.forsake(tx, c)
		}
		return closed, err
	})
}
