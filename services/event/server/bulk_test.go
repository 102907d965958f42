package server

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/store"
)

// given queues deliveries: dead ones, given up a minute after each other from then on,
// and such as wait.
func (w *world) given(name string, from time.Time, dead, waiting int) {
	w.update(func(tx store.Tx) error {
		return changeQueue(tx, name, func(q *queue) error {
			for i := range dead + waiting {
				d, err := q.enqueue(tx, name, 1, &eventv1.Delivery{Event: "e", Subject: "p"}, from)
				if err != nil {
					return err
				}
				if i >= dead {
					continue
				}
				d.is.State, d.is.Attempts, d.is.AttemptTime = eventv1.Delivery_STATE_DEAD, int32(event.Tries), timestamppb.New(from.Add(time.Duration(i)*time.Minute))
				q.count(eventv1.Delivery_STATE_PENDING, d.is.State)
				if err := d.put(tx, name); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (w *world) queue(name string) (q queue) {
	w.update(func(tx store.Tx) (err error) { q, err = readQueue(tx, name); return err })
	return q
}

// All dead letters of a time are sent again at once, as far as there is room, and what
// is left is told; those after it stay.
func TestDeadLettersAreReplayedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, begun := newWorld(t), time.Now()
		w.hook("webhooks/a")
		w.given("webhooks/a", begun, event.Dead, waitingMost-600)
		until := timestamppb.New(begun.Add(899 * time.Minute)) // 900 of them
		replay := func() (done, left int32) {
			w.update(func(tx store.Tx) (err error) {
				done, left, err = each(tx, "webhooks/a", until, func(q *queue, d delivery) error { return w.again(tx, "webhooks/a", q, d) })
				return err
			})
			return done, left
		}
		if done, left := replay(); done != 600 || left != 300 {
			t.Errorf("%d are sent again and %d left, want 600 and 300", done, left)
		}
		if q := w.queue("webhooks/a"); q.Pending != waitingMost || q.Dead != 400 || q.Lost != 400 {
			t.Errorf("then %d wait, %d are dead, %d count", q.Pending, q.Dead, q.Lost)
		}
		err := w.book.Store.Update(t.Context(), func(tx store.Tx) error {
			_, _, err := each(tx, "webhooks/a", until, func(q *queue, d delivery) error { return w.again(tx, "webhooks/a", q, d) })
			return err
		})
		if !errors.Is(err, event.ErrFull) {
			t.Errorf("without room for one: %v", err)
		}
		w.update(func(tx store.Tx) error {
			return changeQueue(tx, "webhooks/a", func(q *queue) error {
				for d, err := range deliveries(tx, "webhooks/a", 0) {
					if err != nil || d.is.GetState() == eventv1.Delivery_STATE_PENDING && q.drop(tx, "webhooks/a", d) != nil {
						return errors.Join(err, errors.New("dropping"))
					}
				}
				return nil
			})
		})
		if done, left := replay(); done != 300 || left != 0 {
			t.Errorf("going on, %d are sent again and %d left, want 300 and 0", done, left)
		}
		if got := w.states("webhooks/a"); got[eventv1.Delivery_STATE_PENDING] != 300 || got[eventv1.Delivery_STATE_DEAD] != 100 {
			t.Errorf("at the end %v", got)
		}
	})
}

func TestDeadLettersAreDiscardedTogether(t *testing.T) {
	w, begun := newWorld(t), time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	w.hook("webhooks/a")
	w.given("webhooks/a", begun, 10, 5)
	for until, want := range map[*timestamppb.Timestamp]int32{timestamppb.New(begun.Add(3 * time.Minute)): 4, timestamppb.New(begun.Add(-time.Second)): 0} {
		var done int32
		w.update(func(tx store.Tx) (err error) {
			done, _, err = each(tx, "webhooks/a", until, func(q *queue, d delivery) error { return q.drop(tx, "webhooks/a", d) })
			return err
		})
		if done != want {
			t.Errorf("until %v %d are dropped, want %d", until.AsTime().Sub(begun), done, want)
		}
	}
	w.update(func(tx store.Tx) error {
		_, _, err := each(tx, "webhooks/a", nil, func(q *queue, d delivery) error { return q.drop(tx, "webhooks/a", d) })
		return err
	})
	if got, q := w.states("webhooks/a"), w.queue("webhooks/a"); got[eventv1.Delivery_STATE_PENDING] != 5 || got[eventv1.Delivery_STATE_DEAD] != 0 || q.Dead != 0 || q.Pending != 5 {
		t.Errorf("at the end %v, %+v", got, q)
	}
}
