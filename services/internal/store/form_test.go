package store_test

import (
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
)

// TestForms: a row is held against itself and against those that it belongs to, in that
// order.
func TestForms(t *testing.T) {
	e := stale(t, store.Schema{})
	if err := e.Update(t.Context(), func(tx store.Tx) error { return tx.Put("owners", []byte("a"), nil) }); err != nil {
		t.Fatal(err)
	}
	form := store.Every(
		store.Shaped(func(_, value []byte) bool { return len(value) == 1 }),
		store.Of("owners", func(key []byte) string { return strings.TrimPrefix(string(key), "of/") }),
		store.Of("owners", func([]byte) string { return "a" }),
	)
	for _, tt := range []struct{ key, value, want string }{
		{"of/a", "1", ""},
		{"of/a", "12", "what the service does not write"},
		{"of/b", "12", "what the service does not write"},
		{"of/b", "1", "what belongs to nothing in owners"},
	} {
		err := e.View(t.Context(), func(tx store.Tx) error {
			what, err := form(tx, store.Entry{Key: []byte(tt.key), Value: []byte(tt.value)})
			if what != tt.want {
				t.Errorf("%s = %s is %q, want %q", tt.key, tt.value, what, tt.want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
