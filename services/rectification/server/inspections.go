package server

import (
	"context"
	"errors"
	"fmt"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/portal"
	"github.com/duban-project/duban/services/rectification"
)

// mayInspection lets those read an inspection whom it shows something, and of these
// those change it whom the rule lets act for the bureau.
func mayInspection(tx *change.Tx, i *rectificationv1.Inspection) error {
	switch {
	case shown(tx, i) == nil:
		return authz.ErrNotFound
	case tx.Access.Method.Rule.GetEvent() != "":
		return tx.Check(i.GetUnit())
	default:
		return nil
	}
}

// shown is what the caller may know of an inspection, or nil.
func shown(tx *change.Tx, i *rectificationv1.Inspection) *rectificationv1.Inspection {
	a := tx.Access
	return rectification.Shown(i, rectification.Reader{
		Name: a.Principal.Name, Sees: a.Inside, Belongs: a.Belongs,
		Portal: func(unit string) bool { return portal.Public(i) && a.Sees(unit) },
	})
}

// CreateInspection implements the RPC.
func (s *Service) CreateInspection(ctx context.Context, req *rectificationv1.CreateInspectionRequest) (*rectificationv1.Inspection, error) {
	i := req.GetInspection()
	var c *campaignv1.Campaign // which need only be there
	return s.inspections.Create(ctx, req, i.GetUnit(), func(tx *change.Tx) (*rectificationv1.Inspection, error) {
		return rectification.NewInspection("inspections/"+tx.NewID(), i, tx.Access.Principal.Name, s.places(tx), s.seen(tx))
	}, s.asking(i.GetCampaign(), "inspection.campaign", &c), change.CatchUp())
}

// GetInspection implements the RPC.
func (s *Service) GetInspection(ctx context.Context, req *rectificationv1.GetInspectionRequest) (*rectificationv1.Inspection, error) {
	return s.inspections.Get(ctx, req.GetName())
}

// ListInspections implements the RPC.
func (s *Service) ListInspections(ctx context.Context, req *rectificationv1.ListInspectionsRequest) (*rectificationv1.ListInspectionsResponse, error) {
	inspections, next, err := s.inspections.List(ctx, req, s.inspections.By("unit", req.GetUnit()))
	return &rectificationv1.ListInspectionsResponse{Inspections: inspections, NextPageToken: next}, err
}

// RecordInspection implements the RPC.
func (s *Service) RecordInspection(ctx context.Context, req *rectificationv1.RecordInspectionRequest) (*rectificationv1.Inspection, error) {
	var c *campaignv1.Campaign
	return s.inspections.Change(ctx, req, func(tx *change.Tx, i *rectificationv1.Inspection) (*rectificationv1.Inspection, error) {
		return s.record(tx, i, c, req)
	}, change.Before(func(ctx context.Context) error {
		i, err := s.inspections.Get(ctx, req.GetName())
		if err != nil {
			return err
		}
		c, err = s.campaign(ctx, i.GetCampaign(), "name")
		return err
	}), change.CatchUp())
}

// record notes a visit and enters what was found into the target's ledger.
func (s *Service) record(tx *change.Tx, i *rectificationv1.Inspection, c *campaignv1.Campaign, req *rectificationv1.RecordInspectionRequest) (*rectificationv1.Inspection, error) {
	v := rectification.Visited{
		Target: req.GetTarget(), Summary: req.GetSummary(), By: tx.Access.Principal.Name, Time: tx.Now,
	}
	if _, err := rectification.Record(i, v, s.places(tx)); err != nil {
		return nil, err
	}
	for n, f := range req.GetFindings() {
		p, err := s.find(tx, i, c, req.GetTarget(), f)
		if err != nil {
			return nil, at(err, "problem", fmt.Sprintf("findings[%d]", n))
		}
		v.Problems = append(v.Problems, p.GetName())
	}
	return rectification.Record(i, v, s.places(tx))
}

// at is what is wrong with what stands at from in other requests, where it stands
// in this one.
func at(err error, from, to string) error {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return err
	}
	return f.Under(from, to)
}

// find enters one finding as a problem, into a ledger that is opened if there is
// none.
func (s *Service) find(tx *change.Tx, i *rectificationv1.Inspection, c *campaignv1.Campaign, target string, f *rectificationv1.Finding) (*rectificationv1.Problem, error) {
	l, err := s.ensure(tx, c, target)
	if err != nil {
		return nil, at(at(err, "ledger.unit", "target"), "ledger.campaign", "name")
	}
	return s.enter(tx, l, &rectificationv1.Problem{
		Category: f.GetCategory(), Item: f.GetItem(), Level: f.GetLevel(), Description: f.GetDescription(),
		Deadline: f.GetDeadline(), Source: rectificationv1.Problem_SOURCE_INSPECTION, Inspection: i.GetName(),
	}, rectification.Finder{Others: true, Bureau: i.GetUnit()})
}

// ConcludeInspection implements the RPC.
func (s *Service) ConcludeInspection(ctx context.Context, req *rectificationv1.ConcludeInspectionRequest) (*rectificationv1.Inspection, error) {
	return s.inspections.Change(ctx, req, func(tx *change.Tx, i *rectificationv1.Inspection) (*rectificationv1.Inspection, error) {
		return rectification.Conclude(i, rectification.Ending{
			Conclusion: req.GetConclusion(), By: tx.Access.Principal.Name, Time: tx.Now,
		}, s.places(tx))
	}, change.CatchUp())
}
