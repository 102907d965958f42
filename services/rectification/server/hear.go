package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// retry is how long the worker waits when its disk is full or the tree unknown.
const retry = time.Second

// errNoTree says that the tree could not be brought up to date.
var errNoTree = errors.New("the tree of units is not known")

// Work implements serve.Worker: it hears what becomes of campaigns and of units, and
// tells the ledgers.
func (s *Service) Work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.published(ctx) })
	g.Go(func() error { return s.archived(ctx) })
	return g.Wait()
}

// patiently takes a run in until it is taken: a full disk and an unknown tree are
// waited for; other errors end the worker.
func (s *Service) patiently(take feed.Apply) feed.Apply {
	return func(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
		for {
			err := take(ctx, run, next, size)
			if !errors.Is(err, store.ErrFull) && !errors.Is(err, errNoTree) {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			slog.WarnContext(ctx, "hearing of campaigns and units", "error", err)
			if err := feed.Pause(ctx, retry); err != nil {
				return err
			}
		}
	}
}
