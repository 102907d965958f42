package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets of events and what is in them. Numbers are eight bytes,
// big-endian; events are numbered from 1.
const (
	eventsBucket  = "event.events"  // number → place, and the entry as it stands in its feed
	unitsBucket   = "event.units"   // unit 0x00 number → nothing
	cursorsBucket = "event.cursors" // service → the first entry of its feed that is not taken in
	headBucket    = "event.head"    // headKey → the newest number; eraKey → which order this is
)

var headKey, eraKey = []byte("head"), []byte("era")

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// readNumber returns what stands at key, or 0.
func readNumber(tx store.Tx, bucket string, key []byte) (uint64, error) {
	b, err := tx.Get(bucket, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(b) != 8:
		return 0, fmt.Errorf("%s at %q has %d bytes", bucket, key, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

// row is an event as it is kept.
type row struct {
	number uint64
	place  event.Place
	entry  []byte // the bytes of a feedv1.Entry
}

// put stores the row, and that its units have it.
func (r row) put(tx store.Tx) error {
	value := make([]byte, 0, len(r.entry)+100)
	for _, part := range []string{r.place.Unit, r.place.Assigned, r.place.Campaign} {
		value = append(append(value, part...), '\n')
	}
	if err := tx.Put(eventsBucket, number(r.number), append(value, r.entry...)); err != nil {
		return err
	}
	for _, unit := range []string{r.place.Unit, r.place.Assigned} {
		if unit == "" {
			continue
		}
		if err := tx.Put(unitsBucket, unitKey(unit, r.number), nil); err != nil {
			return err
		}
	}
	return nil
}

func unitKey(unit string, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(unit+"\x00"), n)
}

// readRow parts what put has stored.
func readRow(n uint64, value []byte) (r row, err error) {
	r.number, r.entry = n, value
	for _, part := range []*string{&r.place.Unit, &r.place.Assigned, &r.place.Campaign} {
		text, rest, ok := bytes.Cut(r.entry, []byte{'\n'})
		if !ok {
			return r, fmt.Errorf("event %d has no place", n)
		}
		*part, r.entry = string(text), rest
	}
	return r, nil
}
