package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// retry is how long a follower waits when its disk is full.
const retry = time.Second

// follow takes the feed of a service into the order, until ctx is done.
func (s *Service) follow(ctx context.Context, service string) error {
	var start uint64
	err := s.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = order.Next(tx, service)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading how far %s is taken in: %w", service, err)
	}
	return feed.Follow(ctx, s.Feeds, service, start, feed.Gathered(func(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
		s.heard.set(service, size-next+uint64(len(run)))
		if err := s.apply(ctx, service, run); err != nil {
			return err
		}
		s.heard.set(service, size-next)
		return nil
	}))
}

// apply takes in a run. A full disk is waited for; other errors end the follower.
func (s *Service) apply(ctx context.Context, service string, run []*feedv1.Entry) error {
	for len(run) > 0 {
		err := s.book.Store.Update(ctx, func(tx store.Tx) error { return order.Take(tx, service, run, s.book.NewID) })
		if err == nil {
			s.rung.ring()
			return nil
		}
		if !errors.Is(err, store.ErrFull) || ctx.Err() != nil {
			return err
		}
		slog.WarnContext(ctx, "taking in a feed", "feed", service, "error", err)
		if err := feed.Pause(ctx, retry); err != nil {
			return err
		}
	}
	return nil
}
