package hold

import (
	"encoding/binary"

	"github.com/duban-project/duban/services/aggregation"
)

// Reader reads numbers and texts of a stored row, whatever its bytes are: after what
// cannot be read it answers zeros, and is broken.
type Reader struct {
	b      []byte
	broken bool
}

// NewReader reads a row.
func NewReader(row []byte) *Reader { return &Reader{b: row} }

// Number reads a signed number.
func (r *Reader) Number() int64 {
	n, i := binary.Varint(r.b)
	return n * r.skip(i)
}

// Size reads one that is not negative.
func (r *Reader) Size() uint64 {
	n, i := binary.Uvarint(r.b)
	return n * uint64(r.skip(i))
}

// Flag reads a number that is 0 or 1.
func (r *Reader) Flag() bool {
	n := r.Number()
	r.Must(n == 0 || n == 1)
	return n == 1
}

// Text reads a text behind its length.
func (r *Reader) Text() string { return r.Next(r.Size()) }

// Next reads a text of so many bytes.
func (r *Reader) Next(n uint64) string {
	if n > uint64(len(r.b)) {
		r.broken, r.b, n = true, nil, 0
	}
	return string(r.next(int(n)))
}

// Rest reads a text that goes to the end.
func (r *Reader) Rest() string { return string(r.next(len(r.b))) }

// Letter reads one byte.
func (r *Reader) Letter() string {
	if len(r.b) == 0 {
		r.broken = true
		return ""
	}
	return string(r.next(1))
}

// Metric reads the number of a metric, and answers its id.
func (r *Reader) Metric() string {
	id, known := Metric(r.Number())
	r.Must(known)
	return id
}

// Must breaks the reader unless what it read can be: ok.
func (r *Reader) Must(ok bool) { r.broken = r.broken || !ok }

// Broken says whether something could not be read.
func (r *Reader) Broken() bool { return r.broken }

// More says whether something is left.
func (r *Reader) More() bool { return len(r.b) > 0 }

// Done says whether all was read, and nothing is left.
func (r *Reader) Done() bool { return !r.broken && !r.More() }

func (r *Reader) next(n int) []byte {
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// skip goes on behind a number of i bytes, and returns 1, or 0 if there is none.
func (r *Reader) skip(i int) int64 {
	if i <= 0 {
		r.broken, r.b = true, nil
		return 0
	}
	r.b = r.b[i:]
	return 1
}

// numbers and ids say which number a metric is stored under.
var numbers, ids = numbered()

func numbered() (map[string]int, map[int64]string) {
	numbers, ids := map[string]int{}, map[int64]string{}
	for _, d := range aggregation.Definitions {
		numbers[d.ID], ids[int64(d.Metric)] = int(d.Metric), d.ID
	}
	return numbers, ids
}

// Metric returns the id of the metric that is stored under a number.
func Metric(number int64) (id string, known bool) {
	id, known = ids[number]
	return id, known
}

// Number is the one that a metric is stored under; 0 of what is none.
func Number(id string) int { return numbers[id] }
