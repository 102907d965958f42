package server

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/store"
)

// ListDeliveries implements the RPC.
func (s *Service) ListDeliveries(ctx context.Context, req *eventv1.ListDeliveriesRequest) (*eventv1.ListDeliveriesResponse, error) {
	filter, err := page.ParseFilter(req.GetFilter(), (&eventv1.Delivery{}).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	text, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	after, _ := strconv.ParseUint(text, 10, 64) // "" at first; tokens are ours
	res := &eventv1.ListDeliveriesResponse{}
	err = s.book.View(ctx, func(tx *change.Tx) error {
		w, err := s.webhooks.Reach(tx, req.GetParent())
		if err != nil {
			return err
		}
		var next string
		res.Deliveries, next, err = page.Collect(shown(tx, w.GetName(), after), page.Most{Items: page.Size(req.GetPageSize())},
			func(d *eventv1.Delivery) (*eventv1.Delivery, bool, error) { return d, filter.Match(d), nil }, numberOf)
		res.NextPageToken = s.book.Tokens.Encode(next, req)
		return err
	})
	return res, err
}

// shown yields a webhook's deliveries as the API has them.
func shown(tx store.Tx, webhook string, after uint64) iter.Seq2[*eventv1.Delivery, error] {
	return func(yield func(*eventv1.Delivery, error) bool) {
		for d, err := range deliveries(tx, webhook, after) {
			if !yield(d.is, err) {
				return
			}
		}
	}
}

// numberOf is the last part of a delivery's name.
func numberOf(d *eventv1.Delivery) string {
	return d.GetName()[strings.LastIndexByte(d.GetName(), '/')+1:]
}

// PingWebhook implements the RPC.
func (s *Service) PingWebhook(ctx context.Context, req *eventv1.PingWebhookRequest) (*eventv1.Delivery, error) {
	return change.On(ctx, &s.webhooks, req, func(tx *change.Tx, w *eventv1.Webhook) (*eventv1.Delivery, error) {
		w, err := event.Next(w, event.Pinging)
		if err != nil {
			return nil, err
		}
		var d delivery
		err = changeQueue(tx, w.GetName(), func(q *queue) (err error) {
			d, err = q.enqueue(tx, w.GetName(), 0, &eventv1.Delivery{
				Event: strings.ReplaceAll(tx.NewID(), "-", ""), Type: event.Ping, Subject: w.GetName(),
			}, s.book.Clock())
			return err
		})
		if err != nil {
			return nil, err
		}
		_, err = s.webhooks.Put(tx, w)
		return d.is, err
	})
}

// ReplayDelivery implements the RPC.
func (s *Service) ReplayDelivery(ctx context.Context, req *eventv1.ReplayDeliveryRequest) (*eventv1.Delivery, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*eventv1.Delivery, error) {
		webhook, n := parted(req.GetName())
		w, err := s.webhooks.Reach(tx, webhook)
		if err != nil {
			return nil, err
		}
		d, err := readDelivery(tx, webhook, n)
		if errors.Is(err, store.ErrNotFound) {
			return nil, authz.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		if err := changeQueue(tx, webhook, func(q *queue) error { return s.again(tx, webhook, q, d) }); err != nil {
			return nil, err
		}
		_, err = s.webhooks.Put(tx, w)
		return d.is, err
	})
}

// ReplayDeliveries implements the RPC.
func (s *Service) ReplayDeliveries(ctx context.Context, req *eventv1.ReplayDeliveriesRequest) (*eventv1.ReplayDeliveriesResponse, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*eventv1.ReplayDeliveriesResponse, error) {
		done, left, err := s.bulk(tx, req.GetParent(), req.GetUntil(), func(q *queue, d delivery) error {
			return s.again(tx, req.GetParent(), q, d)
		})
		return &eventv1.ReplayDeliveriesResponse{Replayed: done, Remaining: left}, err
	})
}

// DiscardDeliveries implements the RPC.
func (s *Service) DiscardDeliveries(ctx context.Context, req *eventv1.DiscardDeliveriesRequest) (*eventv1.DiscardDeliveriesResponse, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*eventv1.DiscardDeliveriesResponse, error) {
		done, _, err := s.bulk(tx, req.GetParent(), req.GetUntil(), func(q *queue, d delivery) error {
			return q.drop(tx, req.GetParent(), d)
		})
		return &eventv1.DiscardDeliveriesResponse{Discarded: done}, err
	})
}

// bulk is each for a webhook that the caller may do that to.
func (s *Service) bulk(tx *change.Tx, webhook string, until *timestamppb.Timestamp, do func(*queue, delivery) error) (done, left int32, err error) {
	w, err := s.webhooks.Reach(tx, webhook)
	if err != nil {
		return 0, 0, err
	}
	if done, left, err = each(tx, webhook, until, do); err != nil {
		return 0, 0, err
	}
	_, err = s.webhooks.Put(tx, w)
	return done, left, err
}

// each does with the dead letters of a webhook until a time, the oldest first, what is
// asked for, as long as there is room. It refuses only if there is none for the first.
// There are event.Dead at most, so that one change suffices.
func each(tx store.Tx, webhook string, until *timestamppb.Timestamp, do func(*queue, delivery) error) (done, left int32, err error) {
	given, err := dead(tx, webhook, until)
	if err != nil {
		return 0, 0, err
	}
	err = changeQueue(tx, webhook, func(q *queue) error {
		for _, d := range given {
			err := do(q, d)
			if errors.Is(err, event.ErrFull) && done > 0 {
				return nil
			}
			if err != nil {
				return err
			}
			done++
		}
		return nil
	})
	return done, int32(len(given)) - done, err
}

// again makes a delivery wait for its first try.
func (s *Service) again(tx store.Tx, webhook string, q *queue, d delivery) error {
	before := d.is.GetState()
	if before != eventv1.Delivery_STATE_PENDING && q.Pending >= waitingMost {
		return event.ErrFull
	}
	d.is.State, d.is.Attempts, d.is.NextTime = eventv1.Delivery_STATE_PENDING, 0, timestamppb.New(s.book.Clock())
	q.count(before, d.is.GetState())
	return d.put(tx, webhook)
}

// parted are the webhook and the number of a delivery's name.
func parted(name string) (webhook string, n uint64) {
	webhook, text, _ := strings.Cut(name, "/deliveries/")
	n, _ = strconv.ParseUint(text, 10, 64) // the contract has looked at it
	return webhook, n
}
