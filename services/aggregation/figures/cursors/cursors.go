// Package cursors keeps how far each feed is counted, in the transaction that counts.
package cursors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket has service → how far its feed is counted.
const Bucket = "figures.cursors"

// Cursor says how far a service's feed is counted.
type Cursor struct {
	// Next is the first entry that is not counted.
	Next uint64
	// At is when the newest one that is was written, and Effective the latest
	// moment at which one of them took effect; the zero time if there is none.
	At, Effective time.Time
	// ID is that of the entry before Next; empty if it was never noted.
	ID []byte
}

const moments = 24 // bytes of a cursor without the id

// Read returns the cursor of a service's feed.
func Read(tx store.Tx, service string) (Cursor, error) {
	b, there, err := store.Seek(tx, Bucket, []byte(service))
	if err != nil || !there {
		return Cursor{}, err
	}
	if len(b) != moments && len(b) != moments+feed.IDSize {
		return Cursor{}, fmt.Errorf("the cursor of %s has %d bytes", service, len(b))
	}
	return Cursor{binary.BigEndian.Uint64(b), instant(b[8:]), instant(b[16:]), bytes.Clone(b[moments:])}, nil
}

func instant(b []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC() }

// Write stores the cursor, in the transaction of the fold that counted the
// entries before it.
func Write(tx store.Tx, service string, c Cursor) error {
	b := binary.BigEndian.AppendUint64(nil, c.Next)
	b = binary.BigEndian.AppendUint64(b, uint64(c.At.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Effective.UnixNano()))
	return tx.Put(Bucket, []byte(service), append(b, c.ID...))
}
