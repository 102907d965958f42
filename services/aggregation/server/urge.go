package server

import (
	"context"
	"errors"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// UrgeWorkItem implements the RPC.
func (s *Service) UrgeWorkItem(ctx context.Context, req *aggregationv1.UrgeWorkItemRequest) (*aggregationv1.Urge, error) {
	return s.urges.Create(ctx, req, req.GetName(), func(tx *change.Tx) (*aggregationv1.Urge, error) {
		item, err := awaited(tx, req)
		if err != nil {
			return nil, err
		}
		before, err := s.kept(tx, req.GetName(), req.GetSubject(), req.GetAction())
		if err != nil {
			return nil, err
		}
		return aggregation.Urging(before, item, s.today(), tx.Access.Principal.Name, tx.Access.Acting().Unit)
	})
}

// awaited is the item that is urged; nil if there is none for the caller. What is
// kept below is urged there: nobody below would hear of it here.
func awaited(tx *change.Tx, req *aggregationv1.UrgeWorkItemRequest) (*worklist.Item, error) {
	item, err := worklist.Find(tx, req.GetName(), req.GetSubject(), req.GetAction())
	if err != nil || item == nil || !shown(tx.Access, item) {
		return nil, err
	}
	if worklist.Below(item) {
		return nil, change.ErrUnitRemote.With("unit", item.GetOwner())
	}
	return item, nil
}

// kept is what is kept of how a thing was urged, or nil.
func (s *Service) kept(tx *change.Tx, unit, subject string, action aggregationv1.WorkItem_Action) (*aggregationv1.Urge, error) {
	u, err := s.urges.Find(tx, aggregation.UrgeName(unit, subject, action))
	if errors.Is(err, authz.ErrNotFound) {
		return nil, nil
	}
	return u, err
}
