package server

import (
	"context"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/change"
)

// Work implements serve.Worker: it hears which units are archived, and tells their
// assignments.
func (s *Service) Work(ctx context.Context) error { return s.archived.Follow(ctx) }

// abandon tells the assignments of a unit that it was archived.
func (s *Service) abandon(tx *change.Tx, unit, day string) error {
	given := s.assignments.Lookup(tx, "unit", unit, "")
	return s.assignments.Tell(tx, "assignment.abandoned", given, func(a *campaignv1.Assignment) *campaignv1.Assignment {
		return campaign.Abandon(a, day)
	})
}
