package server

import (
	"context"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/change"
)

// UrgeWorkItem implements the RPC.
func (s *Service) UrgeWorkItem(ctx context.Context, req *aggregationv1.UrgeWorkItemRequest) (*aggregationv1.Urge, error) {
	return s.urges.Create(ctx, req, req.GetName(), func(tx *change.Tx) (*aggregationv1.Urge, error) {
		item, err := s.awaited(tx, req)
		if err != nil {
			return nil, err
		}
		before, err := s.urges.Seek(tx, aggregation.UrgeName(req.GetName(), req.GetSubject(), req.GetAction()))
		if err != nil {
			return nil, err
		}
		return aggregation.Urging(before, item, s.book.Today(), tx.Access.Principal.Name, tx.Access.Acting().Unit)
	})
}

// awaited is the item that is urged; nil if there is none for the caller. What is
// kept below is urged there: nobody below would hear of it here.
func (s *Service) awaited(tx *change.Tx, req *aggregationv1.UrgeWorkItemRequest) (*worklist.Item, error) {
	if req.GetAction() == aggregationv1.WorkItem_ACTION_SUBMIT_REPORT {
		return s.owed(tx, req)
	}
	item, err := worklist.Find(tx, req.GetName(), req.GetSubject(), req.GetAction())
	if err != nil || item == nil || !shown(tx.Access, item) {
		return nil, err
	}
	if worklist.Below(item) {
		return nil, change.ErrUnitRemote.With("unit", item.GetOwner())
	}
	return item, nil
}

// owed is the report that is urged; nil if it is not owed.
func (s *Service) owed(tx *change.Tx, req *aggregationv1.UrgeWorkItemRequest) (*worklist.Item, error) {
	items, err := s.Awaited(tx, req.GetName(), false)
	i := slices.IndexFunc(items, func(item *worklist.Item) bool { return item.GetSubject() == req.GetSubject() })
	if err != nil || i < 0 {
		return nil, err
	}
	return items[i], nil
}
