package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/rectification"
)

const (
	campaignFeed  = "campaign"
	closedBucket  = "rectification.closed"  // campaign → the day on which it was closed
	cursorsBucket = "rectification.cursors" // cursorKey → where the worker reads on

	// cursorKey is not the feed's name, under which stands how far a version read
	// that did not issue ledgers: what was published until then is read again.
	cursorKey = campaignFeed + ".issued"
)

// published follows the feed of campaigns: it opens the ledgers that are owed in those
// that are published, and tells the ledgers of those that were closed.
func (s *Service) published(ctx context.Context) error {
	var start uint64
	err := s.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = cursor(tx)
		return err
	})
	if err != nil {
		return err
	}
	return feed.Follow(ctx, s.feeds, campaignFeed, start, feed.Gathered(feed.Patiently(campaignFeed, s.take, errNoTree)))
}

// take does what a run says, and moves the cursor behind it.
func (s *Service) take(ctx context.Context, run []*feedv1.Entry, next, _ uint64) error {
	heard, err := campaigns(run)
	if err != nil || len(run) == 0 {
		return err
	}
	owed, err := s.owed(ctx, heard)
	if err != nil {
		return err
	}
	return s.book.Own(ctx, "rectification", func(tx *change.Tx) error {
		if err := s.issue(tx, owed); err != nil {
			return err
		}
		if err := s.end(tx, heard); err != nil {
			return err
		}
		return tx.Put(cursorsBucket, []byte(cursorKey), binary.BigEndian.AppendUint64(nil, next))
	})
}

// campaigns are those that a run tells of.
func campaigns(run []*feedv1.Entry) (heard []*campaignv1.Campaign, err error) {
	for _, e := range run {
		c := &campaignv1.Campaign{}
		if !e.GetBody().MessageIs(c) {
			continue
		}
		if err := e.GetBody().UnmarshalTo(c); err != nil {
			return nil, fmt.Errorf("reading entry %d of %s: %w", e.GetSeq(), campaignFeed, err)
		}
		heard = append(heard, c)
	}
	return heard, nil
}

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
	day, err := tx.Get(closedBucket, []byte(campaign))
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return string(day), err
}

func cursor(tx store.Tx) (uint64, error) {
	b, err := tx.Get(cursorsBucket, []byte(cursorKey))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("reading how far %s was heard: %w", campaignFeed, err)
	case len(b) != 8:
		return 0, fmt.Errorf("reading how far %s was heard: a cursor of %d bytes", campaignFeed, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}
