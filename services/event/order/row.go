package order

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/store"
)

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
	if err := tx.Put(eventsBucket, store.Number(r.number), append(value, r.entry...)); err != nil {
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
