package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// retry is how long a follower waits when its disk is full.
const retry = time.Second

// follow takes the feed of a service into the order, until ctx is done.
func (s *Service) follow(ctx context.Context, service string) error {
	var start uint64
	err := s.book.Store.View(ctx, func(tx store.Tx) (err error) {
		start, err = readNumber(tx, cursorsBucket, []byte(service))
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
		err := s.book.Store.Update(ctx, func(tx store.Tx) error { return s.take(tx, service, run) })
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

// take gives the entries of a run their numbers and moves the cursor behind them,
// all in tx: each entry is taken once, however often it comes.
func (s *Service) take(tx store.Tx, service string, run []*feedv1.Entry) error {
	next, err := readNumber(tx, cursorsBucket, []byte(service))
	if err != nil {
		return err
	}
	head, err := s.head(tx)
	if err != nil {
		return err
	}
	for _, e := range run {
		switch {
		case e.GetSeq() < next:
			continue
		case e.GetSeq() > next:
			return fmt.Errorf("the feed of %s goes on at %d, where %d should be", service, e.GetSeq(), next)
		}
		next++
		if head, err = add(tx, head, e); err != nil {
			return fmt.Errorf("taking in entry %d of %s: %w", e.GetSeq(), service, err)
		}
	}
	if err := tx.Put(headBucket, headKey, number(head)); err != nil {
		return err
	}
	return tx.Put(cursorsBucket, []byte(service), number(next))
}

// head returns the newest number, and names the order if it is new.
func (s *Service) head(tx store.Tx) (uint64, error) {
	head, err := readNumber(tx, headBucket, headKey)
	if err != nil || head > 0 {
		return head, err
	}
	return 0, tx.Put(headBucket, eraKey, []byte(s.book.NewID()))
}

// add stores an entry as the event behind head, if anybody may be told of it.
func add(tx store.Tx, head uint64, e *feedv1.Entry) (uint64, error) {
	body, err := bodyOf(e)
	if body == nil || err != nil {
		return head, err
	}
	place, told := event.PlaceOf(body)
	if !told || place.Unit == "" {
		return head, nil
	}
	entry, err := proto.Marshal(e)
	if err != nil {
		return head, fmt.Errorf("encoding: %w", err)
	}
	return head + 1, row{head + 1, place, entry}.put(tx)
}

// bodyOf decodes the resource of an entry; nil if it has none or one of a kind
// that this version does not know.
func bodyOf(e *feedv1.Entry) (proto.Message, error) {
	if e.GetBody() == nil {
		return nil, nil
	}
	body, err := e.GetBody().UnmarshalNew()
	if errors.Is(err, protoregistry.NotFound) {
		return nil, nil
	}
	return body, err
}
