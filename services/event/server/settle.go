package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/store"
)

// settle notes what came of some deliveries, and suspends the webhook if it must
// be.
func (l *lane) settle(ctx context.Context, tried []try) error {
	var cause eventv1.Webhook_Cause
	err := l.book.Store.Update(ctx, func(tx store.Tx) error {
		cause = eventv1.Webhook_CAUSE_UNSPECIFIED
		return changeQueue(tx, l.webhook, func(q *queue) error {
			for _, t := range tried {
				c, err := l.note(tx, q, t)
				if err != nil {
					return err
				}
				cause = max(cause, c)
			}
			q.hold(tried)
			return q.trim(tx, l.webhook)
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was deleted
	}
	if err != nil || cause == eventv1.Webhook_CAUSE_UNSPECIFIED {
		return err
	}
	_, err = l.Self.SuspendWebhook(ctx, &eventv1.SuspendWebhookRequest{Name: l.webhook, Cause: cause})
	return err
}

// note stores what came of one delivery, unless it was replayed or forgotten
// meanwhile.
func (l *lane) note(tx store.Tx, q *queue, t try) (cause eventv1.Webhook_Cause, err error) {
	d, err := readDelivery(tx, l.webhook, t.number)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.is.GetAttempts() != t.is.GetAttempts() {
		return cause, nil
	}
	if err != nil {
		return cause, err
	}
	if t.withheld {
		return cause, q.drop(tx, l.webhook, d)
	}
	before := d.is.GetState()
	t.apply(d.is, q)
	q.count(before, d.is.GetState())
	l.Counted(result(t, d.is))
	return t.outcome.Cause(time.Unix(0, q.Failing), t.at, int(q.Lost)), d.put(tx, l.webhook)
}

// apply writes what came of a try into a delivery and its queue.
func (t try) apply(d *eventv1.Delivery, q *queue) {
	d.Attempts++
	d.Status, d.Failure, d.AttemptTime, d.NextTime = int32(t.outcome.Status), t.failure, timestamppb.New(t.at), nil
	if t.outcome.Delivered() {
		d.State, q.Failing = eventv1.Delivery_STATE_DELIVERED, 0
		return
	}
	if q.Failing == 0 {
		q.Failing = t.at.UnixNano()
	}
	pause, again := t.outcome.Again(int(d.GetAttempts()), t.jitter)
	if !again || t.outcome.Gone() {
		d.State = eventv1.Delivery_STATE_DEAD
		return
	}
	d.NextTime = timestamppb.New(t.at.Add(pause))
}

// hold leaves the receiver alone after tries made together: for as long as it asked
// in any of them, and if it took none, for a breath. That grows with what is new to
// it, and not with what is tried again: one event that it cannot take holds up the
// others for seconds.
func (q *queue) hold(tried []try) {
	var took, busy, fresh bool
	var last time.Time
	for _, t := range tried {
		took = took || t.outcome.Delivered()
		busy = busy || t.outcome.Throttled()
		fresh = fresh || t.outcome.Throttled() && t.is.GetAttempts() == 0
		if asked := t.outcome.Asked(); asked > 0 {
			q.Resume = max(q.Resume, t.at.Add(asked).UnixNano())
		}
		if t.at.After(last) {
			last = t.at
		}
	}
	switch {
	case took:
		q.Busy = 0
	case fresh:
		q.Busy++
	}
	if busy && !took {
		q.Resume = max(q.Resume, last.Add(event.Breath(int(q.Busy))).UnixNano())
	}
}

// result is what metrics call it.
func result(t try, d *eventv1.Delivery) string {
	switch {
	case t.outcome.Delivered():
		return "delivered"
	case d.GetState() == eventv1.Delivery_STATE_DEAD:
		return "given_up"
	default:
		return "failed"
	}
}
