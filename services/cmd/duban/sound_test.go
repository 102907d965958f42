package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestNoStartSignsATamperedLog: data that were changed without the key, and data
// with another key, do not start, in one process nor as a role's own; nothing is
// signed by that, and fsck finds afterwards what it found before.
func TestNoStartSignsATamperedLog(t *testing.T) {
	whole := t.TempDir()
	d := boot(t, settings(whole))
	initialize(t, d)
	d.stop()
	for name, spoil := range map[string]struct {
		do   func(t *testing.T, data string)
		want string
	}{
		"an entry": {forged, "organization: feed: the log is not what was signed: entry "},
		"a key": {func(t *testing.T, data string) {
			if err := os.WriteFile(filepath.Join(data, seed.File), bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "organization: feed: the log is not what was signed: the key that is here has not signed its checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			c := settings(filepath.Join(t.TempDir(), "data"))
			if err := os.CopyFS(c.Data, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			spoil.do(t, c.Data)
			before := fsckSays(t, errWrong, c.Data)
			ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
			defer cancel()
			for _, args := range [][]string{{"standalone", "-config", file(t, c)}, {"serve", "-config", file(t, c), "organization"}} {
				err := run(ctx, args, t.Output())
				if exit(err) != exitWrong || !strings.Contains(err.Error(), spoil.want) || !strings.Contains(err.Error(), "duban fsck") {
					t.Errorf("%s = %v, want status %d and %q", args[0], err, exitWrong, spoil.want)
				}
			}
			if after := fsckSays(t, errWrong, c.Data); after != before {
				t.Errorf("fsck said\n%sand after the starts\n%s", before, after)
			}
		})
	}
}

// forged changes a byte of the newest entry of a store.
func forged(t *testing.T, data string) {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(data, "organization.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		var key, entry []byte
		for row, err := range tx.Scan(feed.EntriesBucket, nil, nil) {
			if err != nil {
				return err
			}
			key, entry = bytes.Clone(row.Key), bytes.Clone(row.Value)
		}
		entry[len(entry)/2] ^= 1
		return tx.Put(feed.EntriesBucket, key, entry)
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}
