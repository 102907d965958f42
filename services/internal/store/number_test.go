package store_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
)

func TestNumber(t *testing.T) {
	within(t, func(tx store.Tx) {
		n, err := store.ReadNumber(tx, "b", []byte("none"))
		equal(t, "the number of none", uint64(0), n)
		equal(t, "ReadNumber", nil, err)
		var before []byte
		for _, want := range []uint64{0, 1, 255, 256, 1 << 40, math.MaxUint64} {
			b := store.Number(want)
			if bytes.Compare(before, b) >= 0 {
				t.Errorf("%x does not stand behind %x", b, before)
			}
			before = b
			equal(t, "Put", nil, tx.Put("b", []byte("k"), b))
			n, err := store.ReadNumber(tx, "b", []byte("k"))
			equal(t, "number", want, n)
			equal(t, "ReadNumber", nil, err)
		}
		for _, odd := range []string{"", "1234567", "123456789"} {
			equal(t, "Put", nil, tx.Put("b", []byte("k"), []byte(odd)))
			if n, err := store.ReadNumber(tx, "b", []byte("k")); err == nil {
				t.Errorf("%q was read as %d", odd, n)
			}
		}
	})
}
