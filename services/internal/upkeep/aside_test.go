package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestALogIsHeldAgainstItsNote: what waits to be taken over counts, and a note that is
// damaged is a finding, after which others are checked.
func TestALogIsHeldAgainstItsNote(t *testing.T) {
	const log = "duban/510104/organization"
	for name, tt := range map[string]struct {
		note             string
		entries, waiting uint64
		want             uint64 // findings
	}{
		"none":                   {"", 5, 0, 0},
		"as long":                {`{"` + log + `/1": 5}`, 5, 0, 0},
		"longer":                 {`{"` + log + `/1": 8}`, 5, 2, 1},
		"with what waits":        {`{"` + log + `/1": 8}`, 5, 3, 0},
		"of another era":         {`{"` + log + `/2": 1}`, 5, 0, 1},
		"damaged":                {`{"`, 5, 0, 1},
		"of others, and nothing": {`{"duban/510104/campaign/1": 8}`, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := checking{config: suite.Config{Data: t.TempDir()}}
			if tt.note != "" {
				if err := os.WriteFile(filepath.Join(k.config.Data, "high-water.json"), []byte(tt.note), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := fsck.Report{Entries: tt.entries, Waiting: tt.waiting}
			if err := k.noted("organization", log+"/1", &r); err != nil || r.Wrong != tt.want {
				t.Errorf("%d findings, %+v, %v; want %d", r.Wrong, r.First, err, tt.want)
			}
		})
	}
}

// TestWhatIsOfOneStoreAlone: only that lets the others be checked.
func TestWhatIsOfOneStoreAlone(t *testing.T) {
	for _, err := range []error{bolt.ErrDamaged, store.ErrVersion, store.ErrNoVersion, &fs.PathError{Op: "open", Err: fs.ErrPermission}} {
		if !lost(fmt.Errorf("x: %w", err)) {
			t.Errorf("%v is not of one store", err)
		}
	}
	for _, err := range []error{nil, errors.New("x"), config.ErrWrong, context.Canceled, store.ErrOtherTime} {
		if lost(err) {
			t.Errorf("%v is of one store", err)
		}
	}
}
