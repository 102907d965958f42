package figures

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/duban-project/duban/services/aggregation"
)

// standing is how far what counts is accepted, seen from the row's unit.
type standing uint16

const (
	accepted standing = iota // by a superior
	own                      // not accepted, and the unit's own
	beneath                  // not accepted, of a unit beneath
	standings
)

// slot is a metric in a standing, in a part of a row: a month of a year or a day
// of a month. Where there are no parts it is 0.
type slot uint16

// width is how many slots a part has, and parts how many parts two digits can
// name.
const (
	width = slot(aggregation.Numbers) * slot(standings)
	parts = 100
)

func slotOf(m aggregation.Metric, s standing) slot { return slot(m)*slot(standings) + slot(s) }

func (s slot) metric() aggregation.Metric { return aggregation.Metric(s % width / slot(standings)) }
func (s slot) standing() standing         { return standing(s % slot(standings)) }
func (s slot) part() slot                 { return s / width }
func (s slot) without() slot              { return s % width }

// seenAbove is the slot in which s counts in the rows of the units above.
func (s slot) seenAbove() slot {
	if s.standing() == own {
		return s + slot(beneath-own)
	}
	return s
}

// row is what counts, in the order of the slots, without zeros.
type row []amount

type amount struct {
	slot slot
	n    int64
}

// add adds n to a slot.
func (r *row) add(s slot, n int64) {
	i, found := slices.BinarySearchFunc(*r, s, func(a amount, s slot) int { return int(a.slot) - int(s) })
	switch {
	case !found && n != 0:
		*r = slices.Insert(*r, i, amount{s, n})
	case found && (*r)[i].n+n == 0:
		*r = slices.Delete(*r, i, i+1)
	case found:
		(*r)[i].n += n
	}
}

// merge adds all of other, in a part.
func (r *row) merge(other row, part slot) {
	for _, a := range other {
		r.add(part*width+a.slot, a.n)
	}
}

func (r row) encode() []byte {
	b := make([]byte, 0, 3*len(r))
	for _, a := range r {
		b = binary.AppendUvarint(b, uint64(a.slot))
		b = binary.AppendVarint(b, a.n)
	}
	return b
}

var errRow = errors.New("a row of figures that cannot be read")

// each calls f for every amount of an encoded row.
func each(b []byte, f func(slot, int64)) error {
	for len(b) > 0 {
		s, i := binary.Uvarint(b)
		if i <= 0 {
			return errRow
		}
		n, j := binary.Varint(b[i:])
		if j <= 0 || s >= parts*uint64(width) {
			return errRow
		}
		f(slot(s), n)
		b = b[i+j:]
	}
	return nil
}

func decode(key string, b []byte) (r row, err error) {
	r = make(row, 0, len(b)/2+4) // an amount has two bytes at least; some will be added
	if err := each(b, func(s slot, n int64) { r = append(r, amount{s, n}) }); err != nil {
		return nil, fmt.Errorf("%w: %q", err, key)
	}
	return r, nil
}
