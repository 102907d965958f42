package feed

import (
	"bytes"
	"encoding/binary"
	"fmt"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// Place is how far a feed was read (读取位置). The zero Place is its beginning.
type Place struct {
	// Next is the first entry that was not read.
	Next uint64
	// ID is that of the entry before: by it a feed is known again. Ids are random: no
	// other history of the log has it there. Empty if it was never noted.
	ID []byte
}

// Behind is the place behind a run that begins at p.
func (p Place) Behind(run []*feedv1.Entry) Place {
	if len(run) == 0 {
		return p
	}
	last := run[len(run)-1]
	return Place{last.GetSeq() + 1, last.GetId()}
}

// ReadPlace decodes a place: a number of eight bytes, and the id.
func ReadPlace(b []byte) (Place, error) {
	if len(b) != 8 && len(b) != 8+IDSize {
		return Place{}, fmt.Errorf("a place in a feed has %d bytes", len(b))
	}
	return Place{binary.BigEndian.Uint64(b), bytes.Clone(b[8:])}, nil
}

// SeekPlace reads the place that a reader keeps, the zero Place if there is none.
func SeekPlace(tx store.Tx, bucket, key string) (Place, error) {
	b, there, err := store.Seek(tx, bucket, []byte(key))
	if err != nil || !there {
		return Place{}, err
	}
	return ReadPlace(b)
}

// Put keeps the place.
func (p Place) Put(tx store.Tx, bucket, key string) error {
	return tx.Put(bucket, []byte(key), append(store.Number(p.Next), p.ID...))
}
