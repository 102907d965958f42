package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// follower counts one feed: that of a service here or below.
type follower struct {
	count.Source
	service string
	book    *change.Book
	feeds   feedv1.FeedServiceClient
	trees   []*follower // of the feeds that tell of the tree; none for themselves
	counts  func()      // called when a run is counted; or nil

	mu      sync.Mutex
	next    uint64
	size    uint64
	heard   time.Time     // real time; zero before the first answer
	lost    bool          // the feed is not the one that was counted
	counted chan struct{} // closed when next changes
}

func newFollowers(book *change.Book, feeds feedv1.FeedServiceClient, services []string) []*follower {
	tree := newFollower(book, feeds, count.Source{Feed: count.Organization})
	all := []*follower{tree}
	for _, service := range services {
		all = append(all, newFollower(book, feeds, count.Source{Feed: service}, tree))
	}
	return all
}

func newFollower(book *change.Book, feeds feedv1.FeedServiceClient, s count.Source, trees ...*follower) *follower {
	service := s.Feed[strings.LastIndexByte(s.Feed, '.')+1:]
	return &follower{Source: s, service: service, book: book, feeds: feeds, trees: trees, counted: make(chan struct{})}
}

func followAll(ctx context.Context, followers []*follower) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range followers {
		g.Go(func() error { return f.follow(ctx) })
	}
	return g.Wait()
}

func (f *follower) follow(ctx context.Context) error {
	var start cursors.Cursor
	err := f.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = cursors.Read(tx, f.Feed)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading how far %s is counted: %w", f.Feed, err)
	}
	f.reach(start.Next, start.Next, time.Time{})
	return feed.Follow(ctx, f.feeds, feed.Reader{
		Feed: f.Feed, From: feed.Place{Next: start.Next, ID: start.ID}, Lost: f.lose,
		Apply: feed.Gathered(feed.Patient(f.Feed, f.apply, errNoTree, count.ErrUnitUnknown, count.ErrUncountable)),
	})
}

// apply counts a run.
func (f *follower) apply(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
	if len(run) > 0 {
		if err := f.count(ctx, run); err != nil {
			return err
		}
	}
	f.reach(next, size, f.book.Clock())
	if f.counts != nil && len(run) > 0 {
		f.counts()
	}
	return nil
}

func (f *follower) count(ctx context.Context, run []*feedv1.Entry) error {
	if err := awaitAll(ctx, f.trees); err != nil {
		return err
	}
	return f.book.Store.Update(ctx, func(tx store.Tx) error { return f.Count(tx, run) })
}

func awaitAll(ctx context.Context, trees []*follower) error {
	for _, tree := range trees {
		if err := tree.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

var errNoTree = errors.New("organization does not say how long its feed is")

// await returns when all that the feed has told before now is counted: of a feed
// that tells of the tree, all units that were entered or moved.
func (f *follower) await(ctx context.Context) error {
	cp, err := f.feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + f.Feed})
	if err != nil {
		return fmt.Errorf("%w: %w", errNoTree, err)
	}
	for {
		next, counted := f.reached()
		if next >= cp.GetSize() {
			return nil
		}
		select {
		case <-counted:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *follower) reached() (uint64, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next, f.counted
}

func (f *follower) reach(next, size uint64, heard time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.size, f.heard, f.lost = next, size, heard, false
	close(f.counted)
	f.counted = make(chan struct{})
}

// lose notes that the feed is not the one that was counted, and how long it is.
func (f *follower) lose(size uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size, f.heard, f.lost = size, f.book.Clock(), true
}

// seen is what is known of the feed: its size, when it was last heard of, and whether it
// is not the one that was counted.
func (f *follower) seen() (size uint64, heard time.Time, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size, f.heard, f.lost
}
