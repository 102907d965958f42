package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
)

// many is more entries than an engine reads at a time.
const many = 1000

// fill puts many keys of four digits.
func fill(t testing.TB, e store.Engine) {
	t.Helper()
	update(t, e, func(tx store.Tx) error {
		for i := range many {
			if err := write(tx, fmt.Sprintf("%04d", i), "v"); err != nil {
				return err
			}
		}
		return nil
	})
}

// A database's collation must not decide the order of keys.
func scanByteOrder(t *testing.T, e store.Engine) {
	want := []string{"\x00", "A", "a", "a\x00", "a|b", "b", "\x7f", "\x80", "é", "督", "\xff", "\xff\xff"}
	for _, k := range slices.Backward(want) {
		put(t, e, k, "v")
	}
	if got := keys(t, e, nil, nil); !slices.Equal(got, want) {
		t.Errorf("Scan = %q, want %q", got, want)
	}
}

func scanBounds(t *testing.T, e store.Engine) {
	put(t, e, "a", "", "b", "", "c", "", "d", "")
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"b", "d", []string{"b", "c"}},
		{"", "c", []string{"a", "b"}},
		{"aa", "b\x00", []string{"b"}},
		{"b", "b", nil},
		{"c", "b", nil},
		{"e", "z", nil},
		{"", "", nil},
	} {
		if got := keys(t, e, []byte(c.from), []byte(c.to)); !slices.Equal(got, c.want) {
			t.Errorf("Scan(%q, %q) = %q, want %q", c.from, c.to, got, c.want)
		}
	}
	if got, want := keys(t, e, []byte("c"), nil), []string{"c", "d"}; !slices.Equal(got, want) {
		t.Errorf("Scan without an upper bound = %q, want %q", got, want)
	}
}

func scanPrefix(t *testing.T, e store.Engine) {
	put(t, e, "a", "", "a\xff", "", "a\xff\xff", "", "b", "", "\xff", "", "\xff\xff", "")
	for prefix, want := range map[string][]string{
		"":         {"a", "a\xff", "a\xff\xff", "b", "\xff", "\xff\xff"},
		"a":        {"a", "a\xff", "a\xff\xff"},
		"a\xff":    {"a\xff", "a\xff\xff"},
		"\xff":     {"\xff", "\xff\xff"},
		"\xff\xff": {"\xff\xff"},
		"c":        nil,
	} {
		from, to := store.Prefix(prefix)
		if got := keys(t, e, from, to); !slices.Equal(got, want) {
			t.Errorf("Scan of prefix %q = %q, want %q", prefix, got, want)
		}
	}
}

func scanPages(t *testing.T, e store.Engine) {
	fill(t, e)
	got := keys(t, e, nil, nil)
	if len(got) != many || !slices.IsSorted(got) || len(slices.Compact(got)) != many {
		t.Errorf("Scan gave %d keys, sorted %v", len(got), slices.IsSorted(got))
	}
}

func scanStops(t *testing.T, e store.Engine) {
	fill(t, e)
	n := 0
	view(t, e, func(tx store.Tx) error {
		for range tx.Scan(b, nil, nil) {
			if n++; n == many/2 {
				break
			}
		}
		return nil
	})
	if n != many/2 {
		t.Errorf("Scan went on for %d entries", n)
	}
}

// Whoever gets an entry owns it, and the scan does not depend on it.
func scanCopies(t *testing.T, e store.Engine) {
	fill(t, e)
	n := 0
	update(t, e, func(tx store.Tx) error {
		for entry, err := range tx.Scan(b, nil, nil) {
			if err != nil {
				return err
			}
			clear(entry.Key)
			clear(entry.Value)
			if n++; n > many {
				return errBoom
			}
		}
		return nil
	})
	if all := contents(t, e); n != many || len(all) != many || all["0500"] != "v" {
		t.Errorf("saw %d entries, then %d, 0500 is %q", n, len(all), all["0500"])
	}
}

func scanDeletes(t *testing.T, e store.Engine) {
	fill(t, e)
	n := 0
	update(t, e, func(tx store.Tx) error {
		for entry, err := range tx.Scan(b, nil, nil) {
			if err != nil {
				return err
			}
			n++
			if err := tx.Delete(b, entry.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if left := keys(t, e, nil, nil); n != many || len(left) != 0 {
		t.Errorf("saw %d keys, left %d", n, len(left))
	}
}

func scanPuts(t *testing.T, e store.Engine) {
	fill(t, e)
	n := 0
	update(t, e, func(tx store.Tx) error {
		for entry, err := range tx.Scan(b, nil, []byte("1")) {
			if err != nil {
				return err
			}
			n++
			if err := errors.Join(tx.Put(b, entry.Key, []byte("w")), write(tx, "1"+string(entry.Key), "new")); err != nil {
				return err
			}
		}
		return nil
	})
	if all := contents(t, e); n != many || len(all) != 2*many || all["0999"] != "w" || all["10999"] != "new" {
		t.Errorf("saw %d entries, have %d: %q, %q", n, len(all), all["0999"], all["10999"])
	}
}

func scanHeedsContext(t *testing.T, e store.Engine) {
	fill(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := e.View(ctx, func(tx store.Tx) error {
		for _, err := range tx.Scan(b, nil, nil) {
			if err != nil {
				return err
			}
			n++
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n == many {
		t.Errorf("a scan showed %d entries and then %v, want context.Canceled on the way", n, err)
	}
}
