// Package heads keeps, beside a mirror's entries, when the heads of the log were cosigned here and
// when they were last shown: between which moments an entry became known (发布区间) follows from that.
package heads

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/duban-project/duban/services/internal/store"
)

const (
	cosignedBucket = "cosigned" // size → when that head was first cosigned
	shownBucket    = "shown"    // size, inverted → when that head was last shown
)

// Cosigned notes that the head of that size was cosigned now, and when it was shown.
func Cosigned(tx store.Tx, size uint64, now, shown time.Time) error {
	return errors.Join(tx.Put(cosignedBucket, store.Number(size), nanos(now)), Shown(tx, size, shown))
}

// Known says whether the head of that size was cosigned.
func Known(tx store.Tx, size uint64) (bool, error) {
	_, there, err := store.Seek(tx, cosignedBucket, store.Number(size))
	return there, err
}

// Shown notes that the head of that size was shown at that moment, or later. Only
// heads that were cosigned count.
func Shown(tx store.Tx, size uint64, at time.Time) error {
	if known, err := Known(tx, size); err != nil || !known {
		return err
	}
	last, err := first(tx, shownBucket, ^size)
	if err != nil || last.After(at) {
		return err
	}
	return tx.Put(shownBucket, store.Number(^size), nanos(at))
}

// Without is when the last head without the entry was shown; zero if none was.
func Without(tx store.Tx, seq uint64) (time.Time, error) { return first(tx, shownBucket, ^seq) }

// With is when the first head with the entry was cosigned; zero if none was.
func With(tx store.Tx, seq uint64) (time.Time, error) { return first(tx, cosignedBucket, seq+1) }

func nanos(t time.Time) []byte { return store.Number(uint64(t.UnixNano())) }

// first reads the first moment in the bucket from the number on.
func first(tx store.Tx, bucket string, from uint64) (time.Time, error) {
	for e, err := range tx.Scan(bucket, store.Number(from), nil) {
		if err != nil {
			return time.Time{}, fmt.Errorf("reading %s: %w", bucket, err)
		}
		return time.Unix(0, int64(binary.BigEndian.Uint64(e.Value))).UTC(), nil
	}
	return time.Time{}, nil
}
