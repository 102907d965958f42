package figures

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/duban-project/duban/services/internal/store"
)

// changes are what changed in one cut of one unit within a stretch: what is kept
// so that figures can be told as they were known before. What changed lately lies side
// by side, whatever it is of, so that a commit touches few pages of a large store.
type changes map[change]int64

// change is which part of the figures changed: what counts on a day of an axis.
type change struct {
	axis byte
	day  int32
	slot slot
}

// packed is a civil day as a number, so that later days are larger.
func packed(day string) int32 {
	return (int32(number(day[:2]))*100+int32(number(day[2:4])))*372 + int32(number(day[5:7]))*31 + int32(number(day[8:10]))
}

// unpacked is the civil day of a number.
func unpacked(day int32) string {
	day -= 32 // the first day of a year that is 0
	return fmt.Sprintf("%04d-%02d-%02d", day/372, day%372/31+1, day%31+1)
}

func (c changes) add(axis, day string, r row) {
	for _, a := range r {
		c[change{axis[0], packed(day), a.slot}] += a.n
	}
}

func (c changes) merge(other changes) {
	for at, n := range other {
		c[at] += n
	}
}

func (c changes) encode() []byte {
	ordered := slices.SortedFunc(maps.Keys(c), func(a, b change) int {
		return cmp.Or(cmp.Compare(a.axis, b.axis), cmp.Compare(a.day, b.day), cmp.Compare(a.slot, b.slot))
	})
	b := make([]byte, 0, 8*len(c))
	for _, at := range ordered {
		if c[at] == 0 {
			continue
		}
		b = append(b, at.axis)
		b = binary.AppendUvarint(b, uint64(at.day))
		b = binary.AppendUvarint(b, uint64(at.slot))
		b = binary.AppendVarint(b, c[at])
	}
	return b
}

var errChanges = errors.New("changes of figures that cannot be read")

// decodeChanges calls f for every change of an encoded record.
func decodeChanges(b []byte, f func(change, int64)) error {
	for len(b) > 0 {
		at := change{axis: b[0]}
		day, i := binary.Uvarint(b[1:])
		if i <= 0 {
			return errChanges
		}
		s, j := binary.Uvarint(b[1+i:])
		if j <= 0 {
			return errChanges
		}
		n, k := binary.Varint(b[1+i+j:])
		if k <= 0 {
			return errChanges
		}
		at.day, at.slot = int32(day), slot(s)
		f(at, n)
		b = b[1+i+j+k:]
	}
	return nil
}

// writeChanges adds changes to those that are kept under a key.
func writeChanges(tx store.Tx, key string, c changes) error {
	b, _, err := store.Seek(tx, knownBucket, []byte(key))
	if err != nil {
		return fmt.Errorf("reading changes of figures: %w", err)
	}
	if err := decodeChanges(b, func(at change, n int64) { c[at] += n }); err != nil {
		return fmt.Errorf("%w: %q", err, key)
	}
	if b = c.encode(); len(b) == 0 {
		return tx.Delete(knownBucket, []byte(key))
	}
	return tx.Put(knownBucket, []byte(key), b)
}

// stretchesAfter are the stretches after one in which anything changed.
func stretchesAfter(tx store.Tx, stretch moment) (after []moment, err error) {
	for more := true; more; {
		more = false
		for e, err := range tx.Scan(knownBucket, []byte((stretch + 1).key()), nil) {
			if err != nil {
				return nil, err
			}
			stretch, more = readMoment(e.Key), true
			after = append(after, stretch)
			break
		}
	}
	return after, nil
}
