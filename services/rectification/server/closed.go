package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

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
	cursorsBucket = "rectification.cursors" // feed → where the worker reads on

	// retry is how long the worker waits when its disk is full.
	retry = time.Second
)

// Work implements serve.Worker: it follows the feed of campaigns and tells the
// ledgers of those that were closed.
func (s *Service) Work(ctx context.Context) error {
	var start uint64
	err := s.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = cursor(tx)
		return err
	})
	if err != nil {
		return err
	}
	return feed.Follow(ctx, s.feeds, campaignFeed, start, feed.Gathered(s.hear))
}

// hear takes in a run. A full disk is waited for; other errors end the worker.
func (s *Service) hear(ctx context.Context, run []*feedv1.Entry, next, _ uint64) error {
	for len(run) > 0 {
		err := s.book.Own(ctx, "rectification", func(tx *change.Tx) error { return s.take(tx, run, next) })
		if err == nil || !errors.Is(err, store.ErrFull) || ctx.Err() != nil {
			return err
		}
		slog.WarnContext(ctx, "hearing of campaigns", "error", err)
		if err := feed.Pause(ctx, retry); err != nil {
			return err
		}
	}
	return nil
}

// take tells the ledgers of what a run says and moves the cursor behind it.
func (s *Service) take(tx *change.Tx, run []*feedv1.Entry, next uint64) error {
	for _, e := range run {
		c := &campaignv1.Campaign{}
		if !e.GetBody().MessageIs(c) {
			continue
		}
		if err := e.GetBody().UnmarshalTo(c); err != nil {
			return fmt.Errorf("reading entry %d of %s: %w", e.GetSeq(), campaignFeed, err)
		}
		if c.GetState() == campaignv1.Campaign_STATE_CLOSED {
			if err := s.lapse(tx, c.GetName(), calendar.On(c.GetCloseTime().AsTime()).String()); err != nil {
				return err
			}
		}
	}
	return tx.Put(cursorsBucket, []byte(campaignFeed), binary.BigEndian.AppendUint64(nil, next))
}

// lapse tells the ledgers of a campaign that it was closed on a day, but for those
// that an installation below keeps. What is told twice changes nothing.
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
		if _, err := s.ledgers.PutAs(tx, "ledger.changed", l); err != nil && !errors.Is(err, change.ErrUnitRemote) {
			return err
		}
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
	b, err := tx.Get(cursorsBucket, []byte(campaignFeed))
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
