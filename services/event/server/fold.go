package server

import (
	"context"
	"fmt"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// follow takes the feed of a service into the order, until ctx is done.
func (s *Service) follow(ctx context.Context, service string) error {
	var start feed.Place
	err := s.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = order.Place(tx, service)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading how far %s is taken in: %w", service, err)
	}
	apply := func(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
		s.heard.set(service, size-next+uint64(len(run)))
		if err := s.apply(ctx, service, run); err != nil {
			return err
		}
		s.heard.set(service, size-next)
		return nil
	}
	return feed.Follow(ctx, s.Feeds, feed.Reader{Feed: service, From: start, Apply: feed.Gathered(feed.Patient(service, apply))})
}

// apply takes in a run.
func (s *Service) apply(ctx context.Context, service string, run []*feedv1.Entry) error {
	if len(run) == 0 {
		return nil
	}
	err := s.book.Store.Update(ctx, func(tx store.Tx) error { return order.Take(tx, service, run, s.book.NewID) })
	if err == nil {
		s.rung.ring()
	}
	return err
}
