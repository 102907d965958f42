package store

import (
	"encoding/binary"
	"fmt"
)

// Number is n as a key or a value: eight bytes, big-endian, so that keys stand in
// the order of their numbers.
func Number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// ReadNumber returns the number at key, 0 if there is none.
func ReadNumber(tx Tx, bucket string, key []byte) (uint64, error) {
	b, there, err := Seek(tx, bucket, key)
	switch {
	case err != nil || !there:
		return 0, err
	case len(b) != 8:
		return 0, fmt.Errorf("%s at %q has %d bytes, and is no number", bucket, key, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}
