package server

import (
	"context"
	"fmt"
	"iter"
	"strings"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/change"
)

// GetAssignment implements the RPC.
func (s *Service) GetAssignment(ctx context.Context, req *campaignv1.GetAssignmentRequest) (*campaignv1.Assignment, error) {
	return s.assignments.Get(ctx, req.GetName())
}

// ListAssignments implements the RPC.
func (s *Service) ListAssignments(ctx context.Context, req *campaignv1.ListAssignmentsRequest) (*campaignv1.ListAssignmentsResponse, error) {
	prefix := req.GetParent() + "/assignments/"
	if req.GetParent() == "campaigns/-" {
		prefix = "campaigns/"
	}
	found, next, err := s.assignments.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*campaignv1.Assignment, error], error) {
		if req.GetUnit() == "" {
			return s.assignments.Scan(tx, after, prefix), nil
		}
		return s.assignments.Lookup(tx, "unit", req.GetUnit(), after), tx.Check(req.GetUnit())
	}, under(prefix))
	if err == nil && len(found) == 0 && req.GetParent() != "campaigns/-" { // who sees none is told whether there is a campaign
		_, err = s.campaigns.Get(ctx, req.GetParent())
	}
	return &campaignv1.ListAssignmentsResponse{Assignments: found, NextPageToken: next}, err
}

// under keeps the assignments whose names begin with prefix.
func under(prefix string) change.Keep[*campaignv1.Assignment] {
	return func(_ *change.Tx, a *campaignv1.Assignment) (bool, error) {
		return strings.HasPrefix(a.GetName(), prefix), nil
	}
}

// work replaces the assignment that req names by what rule makes of it, by who
// calls.
func (s *Service) work(ctx context.Context, req change.Named, rule func(*change.Tx, *campaignv1.Campaign, *campaignv1.Assignment) (*campaignv1.Assignment, error)) (*campaignv1.Assignment, error) {
	return s.assignments.Change(ctx, req, func(tx *change.Tx, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
		c, err := s.campaigns.Find(tx, a.GetCampaign())
		if err != nil {
			return nil, fmt.Errorf("the campaign of %s: %w", a.GetName(), err)
		}
		return rule(tx, c, a)
	})
}

// ReceiveAssignment implements the RPC.
func (s *Service) ReceiveAssignment(ctx context.Context, req *campaignv1.ReceiveAssignmentRequest) (*campaignv1.Assignment, error) {
	return s.work(ctx, req, func(tx *change.Tx, c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
		return campaign.Receive(c, a, tx.Now, tx.Access.Principal.Name)
	})
}

// SubmitAssignment implements the RPC.
func (s *Service) SubmitAssignment(ctx context.Context, req *campaignv1.SubmitAssignmentRequest) (*campaignv1.Assignment, error) {
	return s.work(ctx, req, func(tx *change.Tx, c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
		exhibits, err := s.exhibits(tx, a, req.GetEvidence())
		if err != nil {
			return nil, err
		}
		report := campaign.Report{Summary: req.GetSummary(), NilReturn: req.GetNilReturn(), Evidence: exhibits}
		submitted, err := campaign.Submit(c, a, report, tx.Now, tx.Access.Principal.Name)
		if err != nil {
			return nil, err
		}
		before, err := s.exhibits(tx, a, a.GetEvidence())
		if err != nil {
			return nil, err
		}
		return submitted, campaign.Renewed(a, report, before)
	})
}

// exhibits finds the files of the assignment that are named as evidence.
func (s *Service) exhibits(tx *change.Tx, a *campaignv1.Assignment, evidence []*campaignv1.Evidence) (list []campaign.Exhibit, err error) {
	for i, e := range evidence {
		file, err := s.files.Find(tx, a.GetName(), e.GetAttachment())
		if err != nil {
			unknown := campaign.ErrEvidenceUnknown.At(fmt.Sprintf("evidence[%d].attachment", i), "不是本任务的附件", "is no file of this assignment")
			return nil, change.Unknown(err, unknown)
		}
		list = append(list, campaign.Exhibit{Kind: e.GetKind(), File: file})
	}
	return list, nil
}

// ApproveAssignment implements the RPC.
func (s *Service) ApproveAssignment(ctx context.Context, req *campaignv1.ApproveAssignmentRequest) (*campaignv1.Assignment, error) {
	return s.work(ctx, req, func(tx *change.Tx, c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
		return campaign.Approve(c, a, tx.Now, tx.Access.Principal.Name)
	})
}

// ReturnAssignment implements the RPC.
func (s *Service) ReturnAssignment(ctx context.Context, req *campaignv1.ReturnAssignmentRequest) (*campaignv1.Assignment, error) {
	return s.work(ctx, req, func(tx *change.Tx, c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
		r := campaign.Refusal{Reason: req.GetReason(), Who: tx.Access.Principal.Name, Time: tx.Now}
		return campaign.Return(c, a, r, s.days)
	})
}
