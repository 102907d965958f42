package server

import (
	"context"

	"google.golang.org/genproto/googleapis/api/httpbody"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/sheet"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// CreateTarget implements the RPC.
func (s *Service) CreateTarget(ctx context.Context, req *aggregationv1.CreateTargetRequest) (*aggregationv1.Target, error) {
	asked := req.GetTarget()
	return s.targets.Create(ctx, req, asked.GetUnit(), func(tx *change.Tx) (*aggregationv1.Target, error) {
		if err := s.targets.Free(tx, aggregation.TargetName(asked), aggregation.ErrTargetExists.At("target.metric", "该期间已有目标", "has a target for the time")); err != nil {
			return nil, err
		}
		had, err := s.countTargets(tx, asked.GetUnit())
		if err != nil {
			return nil, err
		}
		return aggregation.NewTarget(asked, had, tx.Access.Principal.Name, tx.Access.Acting().Unit, calendar.On(tx.Now).String())
	})
}

func (s *Service) countTargets(tx *change.Tx, unit string) (n int, err error) {
	for _, err := range s.targets.Lookup(tx, "unit", unit, "") {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// GetTarget implements the RPC.
func (s *Service) GetTarget(ctx context.Context, req *aggregationv1.GetTargetRequest) (*aggregationv1.Target, error) {
	return s.targets.Get(ctx, req.GetName())
}

// ListTargets implements the RPC.
func (s *Service) ListTargets(ctx context.Context, req *aggregationv1.ListTargetsRequest) (*aggregationv1.ListTargetsResponse, error) {
	list, next, err := s.targets.List(ctx, req, s.targets.Of(req.GetUnit()))
	return &aggregationv1.ListTargetsResponse{Targets: list, NextPageToken: next}, err
}

// ExportTargets implements the RPC.
func (s *Service) ExportTargets(ctx context.Context, req *aggregationv1.ExportTargetsRequest) (*httpbody.HttpBody, error) {
	asked := &aggregationv1.ListTargetsRequest{Unit: req.GetUnit(), Filter: req.GetFilter()}
	list, more, err := s.targets.All(ctx, asked, sheet.Listed, s.targets.Of(req.GetUnit()))
	if err != nil {
		return nil, err
	}
	l := sheet.Listing{
		ID: "targets", Zh: "目标", Unit: req.GetUnit(), Filter: req.GetFilter(), Day: s.book.Today(),
		Workbook: req.GetFormat() == aggregationv1.ExportStatusRequest_FORMAT_XLSX,
		Called:   func(unit string) string { return s.directory.Unit(unit).GetDisplayName() },
	}
	table := sheet.ListingOf(l, list, more)
	table.Beside("metric", "指标名称 (display_name)", func(metric string) string {
		if d, err := aggregation.Find(metric); err == nil {
			return d.Zh
		}
		return ""
	})
	return l.File(table)
}

// setters are who sets targets.
var setters = []accessv1.Role{accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_SUPERVISOR}

// UpdateTarget implements the RPC.
func (s *Service) UpdateTarget(ctx context.Context, req *aggregationv1.UpdateTargetRequest) (*aggregationv1.Target, error) {
	return s.targets.ChangeAs(ctx, req, req.GetTarget(), func(tx *change.Tx, t *aggregationv1.Target) (*aggregationv1.Target, error) {
		if !tx.Access.Holds(t.GetSetterUnit(), setters...) {
			return nil, aggregation.ErrTargetFixed
		}
		changed, err := change.Masked(t, req.GetTarget(), req.GetUpdateMask(), "goal", "direction")
		if err != nil {
			return nil, err
		}
		changed.Setter, changed.SetterUnit = tx.Access.Principal.Name, tx.Access.Acting().Unit
		return changed, nil
	})
}
