package server

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/store"
)

// What is kept of a webhook beside its record. It lies outside the feed: it is
// nobody's history, and secrets must not be in one.
const (
	queuesBucket     = "event.queues"     // webhook → queue
	deliveriesBucket = "event.deliveries" // webhook 0x00 number → number of the event, Delivery
	secretsBucket    = "event.secrets"    // webhook → secrets, encrypted
)

const (
	// waiting is how many deliveries of a webhook may wait. What comes after them
	// waits among the events.
	waitingMost = 1_000
	// keptMost is how many that were delivered are kept to be looked at.
	keptMost = 100
)

// queue is how far a webhook is. Times are nanoseconds since 1970, 0 for none.
type queue struct {
	Position uint64 // the last event that was looked at
	Next     uint64 // the number of the next delivery
	Pending  int64  // how many wait
	Dead     int64  // how many were given up
	Kept     int64  // how many were delivered and are kept
	Failing  int64  // since when no delivery succeeds
	Resume   int64  // until when nothing is sent
	Busy     int64  // how often in a row the receiver had too much to do, for what was new to it
	Lost     int64  // how many were given up since it was enabled, without those replayed
}

func (q queue) put(tx store.Tx, webhook string) error {
	b, err := binary.Append(nil, binary.BigEndian, q)
	if err != nil {
		return err
	}
	return tx.Put(queuesBucket, []byte(webhook), b)
}

func readQueue(tx store.Tx, webhook string) (q queue, err error) {
	b, err := tx.Get(queuesBucket, []byte(webhook))
	if err != nil {
		return q, fmt.Errorf("reading the queue of %s: %w", webhook, err)
	}
	return decodeQueue(b)
}

// decodeQueue reads what put has stored, also before the last fields were there.
func decodeQueue(b []byte) (q queue, err error) {
	if missing := binary.Size(q) - len(b); missing > 0 {
		b = append(slices.Clip(b), make([]byte, missing)...)
	}
	_, err = binary.Decode(b, binary.BigEndian, &q)
	return q, err
}

func changeQueue(tx store.Tx, webhook string, change func(*queue) error) error {
	q, err := readQueue(tx, webhook)
	if err != nil {
		return err
	}
	if err := change(&q); err != nil {
		return err
	}
	return q.put(tx, webhook)
}

// delivery is one as it is kept, with the number of its event; 0 for a ping.
type delivery struct {
	number uint64
	event  uint64
	is     *eventv1.Delivery
}

// line is what it waits in line for: the events of one resource go in their order, and a
// ping behind nothing.
func (d delivery) line() string {
	if d.event == 0 {
		return d.is.GetEvent()
	}
	return d.is.GetSubject()
}

func deliveryKey(webhook string, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(webhook+"\x00"), n)
}

func (d delivery) put(tx store.Tx, webhook string) error {
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(binary.BigEndian.AppendUint64(nil, d.event), d.is)
	if err != nil {
		return err
	}
	return tx.Put(deliveriesBucket, deliveryKey(webhook, d.number), b)
}

func decodeDelivery(webhook string, e store.Entry) (d delivery, err error) {
	if len(e.Value) < 8 {
		return d, fmt.Errorf("a delivery of %s has %d bytes", webhook, len(e.Value))
	}
	d = delivery{binary.BigEndian.Uint64(e.Key[len(webhook)+1:]), binary.BigEndian.Uint64(e.Value), &eventv1.Delivery{}}
	return d, proto.Unmarshal(e.Value[8:], d.is)
}

func readDelivery(tx store.Tx, webhook string, n uint64) (delivery, error) {
	key := deliveryKey(webhook, n)
	value, err := tx.Get(deliveriesBucket, key)
	if err != nil {
		return delivery{}, err
	}
	return decodeDelivery(webhook, store.Entry{Key: key, Value: value})
}

// deliveries yields those of a webhook behind a number, in their order.
func deliveries(tx store.Tx, webhook string, after uint64) func(func(delivery, error) bool) {
	return func(yield func(delivery, error) bool) {
		_, to := store.Prefix(webhook + "\x00")
		for e, err := range tx.Scan(deliveriesBucket, deliveryKey(webhook, after+1), to) {
			var d delivery
			if err == nil {
				d, err = decodeDelivery(webhook, e)
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// dead are the deliveries of a webhook that were given up until a time, the oldest first;
// nil: whenever that was.
func dead(tx store.Tx, webhook string, until *timestamppb.Timestamp) (all []delivery, err error) {
	for d, err := range deliveries(tx, webhook, 0) {
		if err != nil {
			return nil, err
		}
		if d.is.GetState() == eventv1.Delivery_STATE_DEAD && (until == nil || !d.is.GetAttemptTime().AsTime().After(until.AsTime())) {
			all = append(all, d)
		}
	}
	return all, nil
}

// nameOf is the name of a delivery by its number.
func nameOf(webhook string, n uint64) string { return fmt.Sprintf("%s/deliveries/%d", webhook, n) }

// enqueue appends a delivery that is due at once.
func (q *queue) enqueue(tx store.Tx, webhook string, at uint64, is *eventv1.Delivery, now time.Time) (delivery, error) {
	if q.Pending >= waitingMost {
		return delivery{}, event.ErrFull
	}
	is.Name = nameOf(webhook, q.Next)
	is.State, is.NextTime, is.CreateTime = eventv1.Delivery_STATE_PENDING, timestamppb.New(now), timestamppb.New(now)
	d := delivery{q.Next, at, is}
	q.Next++
	q.Pending++
	return d, d.put(tx, webhook)
}

// count notes that a delivery is in another state than before.
func (q *queue) count(before, now eventv1.Delivery_State) {
	for state, sign := range map[eventv1.Delivery_State]int64{before: -1, now: 1} {
		if before == now {
			return
		}
		switch state {
		case eventv1.Delivery_STATE_PENDING:
			q.Pending += sign
		case eventv1.Delivery_STATE_DEAD:
			q.Dead += sign
			if now != eventv1.Delivery_STATE_UNSPECIFIED { // what is dropped was lost all the same
				q.Lost = max(q.Lost+sign, 0)
			}
		case eventv1.Delivery_STATE_DELIVERED:
			q.Kept += sign
		}
	}
}

// drop removes a delivery.
func (q *queue) drop(tx store.Tx, webhook string, d delivery) error {
	q.count(d.is.GetState(), eventv1.Delivery_STATE_UNSPECIFIED)
	return tx.Delete(deliveriesBucket, deliveryKey(webhook, d.number))
}

// trim drops the oldest that were delivered or given up, where they are too many.
func (q *queue) trim(tx store.Tx, webhook string) error {
	for d, err := range deliveries(tx, webhook, 0) {
		if q.Kept <= keptMost && q.Dead <= event.Dead || err != nil {
			return err
		}
		kept := d.is.GetState() == eventv1.Delivery_STATE_DELIVERED && q.Kept > keptMost
		dead := d.is.GetState() == eventv1.Delivery_STATE_DEAD && q.Dead > event.Dead
		if !kept && !dead {
			continue
		}
		if err := q.drop(tx, webhook, d); err != nil {
			return err
		}
	}
	return nil
}

// forget removes all that is kept of a webhook beside its record.
func forget(tx store.Tx, webhook string) error {
	for d, err := range deliveries(tx, webhook, 0) {
		if err != nil {
			return err
		}
		if err := tx.Delete(deliveriesBucket, deliveryKey(webhook, d.number)); err != nil {
			return err
		}
	}
	if err := tx.Delete(secretsBucket, []byte(webhook)); err != nil {
		return err
	}
	return tx.Delete(queuesBucket, []byte(webhook))
}
