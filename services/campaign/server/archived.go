package server

import (
	"context"

	"golang.org/x/sync/errgroup"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/change"
)

// Work implements serve.Worker: it hears which units are archived, and tells their
// assignments; those whose days were provisional it tells of holidays announced since.
func (s *Service) Work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.archived.Follow(ctx) })
	g.Go(func() error { return s.announced.Work(ctx) })
	return g.Wait()
}

// abandon tells the assignments of a unit that it was archived.
func (s *Service) abandon(tx *change.Tx, unit, day string) error {
	given := s.assignments.Lookup(tx, "unit", unit, "")
	return s.assignments.Tell(tx, "assignment.abandoned", given, func(a *campaignv1.Assignment) *campaignv1.Assignment {
		return campaign.Abandon(a, day)
	})
}
