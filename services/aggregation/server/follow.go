package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// organization is the service whose feed says who stands above whom. No entry is
// counted before the tree that it was written under.
const organization = "organization"

// retry is how long a follower waits when its store or organization is not to be
// had.
const retry = time.Second

// follower counts the feed of one service.
type follower struct {
	service string
	book    *change.Book
	feeds   feedv1.FeedServiceClient
	tree    *follower // organization's; nil for itself
	counts  func()    // called when a run is counted; or nil

	mu      sync.Mutex
	next    uint64
	size    uint64
	heard   time.Time     // real time; zero before the first answer
	counted chan struct{} // closed when next changes
}

func newFollowers(book *change.Book, feeds feedv1.FeedServiceClient, services []string) []*follower {
	tree := &follower{service: organization, book: book, feeds: feeds, counted: make(chan struct{})}
	all := []*follower{tree}
	for _, service := range services {
		all = append(all, &follower{service: service, book: book, feeds: feeds, tree: tree, counted: make(chan struct{})})
	}
	return all
}

func followAll(ctx context.Context, followers []*follower) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range followers {
		g.Go(func() error { return f.follow(ctx) })
	}
	return g.Wait()
}

func (f *follower) follow(ctx context.Context) error {
	var start figures.Cursor
	err := f.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = figures.ReadCursor(tx, f.service)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading how far %s is counted: %w", f.service, err)
	}
	f.reach(start.Next, start.Next, time.Time{})
	return feed.Follow(ctx, f.feeds, f.service, start.Next, f.apply)
}

// apply counts a run. A full disk and a silent organization are waited for;
// other errors end the follower.
func (f *follower) apply(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
	counted := len(run) > 0
	for counted {
		err := f.count(ctx, run)
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrFull) && !errors.Is(err, errNoTree) || ctx.Err() != nil {
			return err
		}
		slog.WarnContext(ctx, "counting a feed", "feed", f.service, "error", err)
		if err := feed.Pause(ctx, retry); err != nil {
			return err
		}
	}
	f.reach(next, size, f.book.Clock())
	if f.counts != nil && counted {
		f.counts()
	}
	return nil
}

func (f *follower) count(ctx context.Context, run []*feedv1.Entry) error {
	if f.tree != nil {
		if err := f.awaitTree(ctx); err != nil {
			return err
		}
	}
	return f.book.Store.Update(ctx, func(tx store.Tx) error { return Count(tx, f.service, run) })
}

var errNoTree = errors.New("organization does not say how long its feed is")

// awaitTree returns when all units that were entered or moved before now are in
// the figures' tree.
func (f *follower) awaitTree(ctx context.Context) error {
	cp, err := f.feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + organization})
	if err != nil {
		return fmt.Errorf("%w: %w", errNoTree, err)
	}
	for {
		next, counted := f.tree.reached()
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
	f.next, f.size, f.heard = next, size, heard
	close(f.counted)
	f.counted = make(chan struct{})
}

// seen is what is known of the feed: its size, and when it was last heard of.
func (f *follower) seen() (size uint64, heard time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size, f.heard
}
