package server

import (
	"context"
	"fmt"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/rectification"
)

// owed returns the ledgers that units owe in those of the campaigns that are
// published, by the tree of the moment at which they were.
func (s *Service) owed(ctx context.Context, heard []*campaignv1.Campaign) (owed []*rectificationv1.Ledger, err error) {
	for _, c := range heard {
		if c.GetState() != campaignv1.Campaign_STATE_PUBLISHED || c.GetFiling().GetDueDate() == "" {
			continue
		}
		land, err := s.units.Land(ctx, c.GetOwner(), c.GetPublishTime().AsTime())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoTree, err)
		}
		ledgers, err := rectification.Issue(c, land, s.days)
		if err != nil {
			return nil, fmt.Errorf("issuing the ledgers of %s: %w", c.GetName(), err)
		}
		owed = append(owed, ledgers...)
	}
	return owed, nil
}

// issue stores the ledgers that are not there yet, but for those of a campaign that
// was heard to be closed.
func (s *Service) issue(tx *change.Tx, owed []*rectificationv1.Ledger) error {
	for _, l := range owed {
		day, err := closedOn(tx, l.GetCampaign())
		if err != nil {
			return err
		}
		there, err := s.ledgers.Seek(tx, l.GetName())
		if err != nil {
			return err
		}
		if day != "" || there != nil {
			continue
		}
		if l, err = s.dated(tx, l); err != nil { // it may be archived since the campaign was published
			return err
		}
		if _, err := s.ledgers.PutAs(tx, "ledger.issued", l); err != nil {
			return err
		}
	}
	return nil
}
