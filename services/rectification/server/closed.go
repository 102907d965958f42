package server

import (
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/rectification"
)

// closedBucket has for a campaign the day on which it was closed.
const closedBucket = "rectification.closed"

// end tells the ledgers of those campaigns that were closed.
func (s *Service) end(tx *change.Tx, heard []*campaignv1.Campaign) error {
	for _, c := range heard {
		if c.GetState() != campaignv1.Campaign_STATE_CLOSED {
			continue
		}
		if err := s.lapse(tx, c.GetName(), calendar.On(c.GetCloseTime().AsTime()).String()); err != nil {
			return err
		}
	}
	return nil
}

// lapse tells the ledgers of a campaign that it was closed on a day. What is told twice
// changes nothing.
func (s *Service) lapse(tx *change.Tx, campaign, day string) error {
	err := s.tell(tx, "campaign", campaign, func(l *rectificationv1.Ledger) *rectificationv1.Ledger {
		if l.GetCampaignCloseDate() != "" {
			return nil
		}
		return rectification.Lapse(l, day)
	})
	if err != nil {
		return err
	}
	return tx.Put(closedBucket, []byte(campaign), []byte(day))
}

// closedOn is the day on which a campaign was closed, as far as that was heard of,
// or "": a ledger that was asked for before is not opened after.
func closedOn(tx store.Tx, campaign string) (string, error) {
	day, _, err := store.Seek(tx, closedBucket, []byte(campaign))
	return string(day), err
}

// abandon tells the ledgers of a unit that it was archived, but for those of which that
// was said before.
func (s *Service) abandon(tx *change.Tx, unit, day string) error {
	return s.tell(tx, "unit", unit, func(l *rectificationv1.Ledger) *rectificationv1.Ledger {
		if l.GetUnitArchiveDate() != "" {
			return nil
		}
		return rectification.Abandon(l, day)
	})
}

// tell changes the ledgers that have a value in an index.
func (s *Service) tell(tx *change.Tx, index, value string, changed func(*rectificationv1.Ledger) *rectificationv1.Ledger) error {
	return s.ledgers.Tell(tx, "ledger.changed", s.ledgers.Lookup(tx, index, value, ""), changed)
}
