package recheck

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestTheOrderSaysWhichItIs: by a name that event makes, as soon as it has an event.
func TestTheOrderSaysWhichItIs(t *testing.T) {
	const name = "0190b2a4-7c11-7abc-8def-0123456789ab"
	for _, tt := range []struct {
		head uint64
		era  string
		want string
	}{
		{1, name, ""},
		{0, "", ""},
		{1, "", "does not say which order"},
		{1, name[:35], "is no name of one"},
		{1, name + "0", "is no name of one"},
		{1, strings.ToUpper(name), "is no name of one"},
		{1, "0190b2a4-7c11-7abc-8def-0123456789a\x00", "is no name of one"},
	} {
		engine, err := bolt.Open(filepath.Join(t.TempDir(), "event.db"), bolt.Options{MapSize: 1 << 24})
		if err != nil {
			t.Fatal(err)
		}
		err = engine.Update(t.Context(), func(tx store.Tx) error {
			if err := errors.Join(tx.Put(heads, []byte("head"), store.Number(tt.head)), tx.Put(heads, []byte("era"), []byte(tt.era))); err != nil {
				return err
			}
			return (&check{ctx: t.Context(), tx: tx, head: tt.head}).ends()
		})
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrDifferent) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%d events in the order %q: %v, want …%s…", tt.head, tt.era, err, tt.want)
		}
		if err := engine.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
