package server

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

const (
	campaignFeed  = "campaign"
	cursorsBucket = "rectification.cursors" // cursorKey → where the worker reads on

	// cursorKey is not the feed's name, under which stands how far a version read
	// that did not issue ledgers: what was published until then is read again.
	cursorKey = campaignFeed + ".issued"
)

// errNoTree says that the tree could not be brought up to date.
var errNoTree = errors.New("the tree of units is not known")

// Work implements serve.Worker: it hears what becomes of campaigns and of units, and
// tells the ledgers; those whose days were provisional it tells of holidays announced since.
func (s *Service) Work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.published(ctx) })
	g.Go(func() error { return s.archived.Follow(ctx) })
	g.Go(func() error { return s.announced.Work(ctx) })
	return g.Wait()
}

// published follows the feed of campaigns: it opens the ledgers that are owed in those
// that are published, and tells the ledgers of those that were closed.
func (s *Service) published(ctx context.Context) error {
	var start feed.Place
	err := s.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = feed.SeekPlace(tx, cursorsBucket, cursorKey)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading how far %s was heard: %w", campaignFeed, err)
	}
	return feed.Follow(ctx, s.feeds, feed.Reader{Feed: campaignFeed, From: start, Apply: feed.Gathered(feed.Patient(campaignFeed, s.take, errNoTree))})
}

// take does what a run says, and moves the cursor behind it.
func (s *Service) take(ctx context.Context, run []*feedv1.Entry, _, _ uint64) error {
	if len(run) == 0 {
		return nil
	}
	heard, err := campaigns(run)
	if err != nil {
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
		return feed.Place{}.Behind(run).Put(tx, cursorsBucket, cursorKey)
	})
}

// campaigns are those that a run tells of.
func campaigns(run []*feedv1.Entry) (heard []*campaignv1.Campaign, err error) {
	for _, e := range run {
		c, err := feed.Body[*campaignv1.Campaign](e)
		if err != nil {
			return nil, err
		}
		if c != nil {
			heard = append(heard, c)
		}
	}
	return heard, nil
}
