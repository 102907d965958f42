package recount

import "encoding/binary"

// reader reads numbers and texts of a stored row, whatever its bytes are: after
// what cannot be read it answers zeros.
type reader struct {
	b      []byte
	broken bool
}

// number reads a signed number.
func (r *reader) number() int64 {
	n, i := binary.Varint(r.b)
	return n * r.skip(i)
}

// size reads one that is not negative.
func (r *reader) size() uint64 {
	n, i := binary.Uvarint(r.b)
	return n * uint64(r.skip(i))
}

// flag reads a number that is 0 or 1.
func (r *reader) flag() bool {
	n := r.number()
	r.broken = r.broken || n != 0 && n != 1
	return n == 1
}

// text reads a text behind its length.
func (r *reader) text() string {
	n := r.size()
	if n > uint64(len(r.b)) {
		r.broken, n = true, 0
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// skip goes on behind a number of i bytes, and returns 1, or 0 if there is none.
func (r *reader) skip(i int) int64 {
	if i <= 0 {
		r.broken, r.b = true, nil
		return 0
	}
	r.b = r.b[i:]
	return 1
}

// done says whether all was read, and nothing is left.
func (r *reader) done() bool { return !r.broken && len(r.b) == 0 }
