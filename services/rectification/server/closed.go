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

// lapse tells the ledgers of a campaign that it was closed on a day. What is told
// twice changes nothing.
func (s *Service) lapse(tx *change.Tx, campaign, day string) error {
	var lapsed []*rectificationv1.Ledger
	for l, err := range s.ledgers.Lookup(tx, "campaign", campaign, "") {
		if err != nil {
			return err
		}
		if l.GetCampaignCloseDate() == "" {
			lapsed = append(lapsed, rectification.Lapse(l, day))
		}
	}
	for _, l := range lapsed {
		if _, err := s.ledgers.PutAs(tx, "ledger.changed", l); err != nil {
			return err
		}
	}
	return tx.Put(closedBucket, []byte(campaign), []byte(day))
}

// closedOn is the day on which a campaign was closed, as far as that was heard of,
// or "": a ledger that was asked for before is not opened after.
func closedOn(tx store.Tx, campaign string) (string, error) {
	day, _, err := store.Seek(tx, closedBucket, []byte(campaign))
	return string(day), err
}
