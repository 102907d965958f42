package order

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/store"
)

// Take gives the entries of a run their numbers and moves the cursor behind them,
// all in tx: each entry is taken once, however often it comes. A run that leaves a
// gap is an error, and tx MUST not be committed then. newID names the order when it
// is new.
func Take(tx store.Tx, service string, run []*feedv1.Entry, newID func() string) error {
	place, err := Place(tx, service)
	if err != nil {
		return err
	}
	head, err := begin(tx, newID)
	if err != nil {
		return err
	}
	for _, e := range run {
		switch {
		case e.GetSeq() < place.Next:
			continue
		case e.GetSeq() > place.Next:
			return fmt.Errorf("the feed of %s goes on at %d, where %d should be", service, e.GetSeq(), place.Next)
		}
		place = place.Behind([]*feedv1.Entry{e})
		if head, err = add(tx, head, e); err != nil {
			return fmt.Errorf("taking in entry %d of %s: %w", e.GetSeq(), service, err)
		}
	}
	if err := tx.Put(headBucket, headKey, store.Number(head)); err != nil {
		return err
	}
	return place.Put(tx, cursorsBucket, service)
}

// begin returns the newest number, and names the order if it is new.
func begin(tx store.Tx, newID func() string) (uint64, error) {
	head, err := Head(tx)
	if err != nil || head > 0 {
		return head, err
	}
	return 0, tx.Put(headBucket, eraKey, []byte(newID()))
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
