package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestAVersionThatNoProgramWroteIsDamage, to everything that opens the store: whichever bit
// of what it says is wrong. What a later program may have written is another version. Neither
// is written to, and of both the others are checked.
func TestAVersionThatNoProgramWroteIsDamage(t *testing.T) {
	c, to := backedUp(t)
	for name, tt := range map[string]struct {
		row  []byte // nil: one bit of what is there is wrong
		want int
	}{
		"one bit": {nil, exitWrong},
		"zero":    {store.Number(0), exitWrong},
		"garbage": {[]byte("garbage"), exitWrong},
		"far":     {store.Number(1 << 40), exitWrong},
		"newer":   {store.Number(9), exitVersion},
	} {
		t.Run(name, func(t *testing.T) {
			data, from := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
			if err := errors.Join(os.CopyFS(data, os.DirFS(c.Data)), os.CopyFS(from, os.DirFS(to))); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(data, "organization.db")
			says(t, path, tt.row)
			lose(t, path, "duban.organization.v1.RoleGrant.unit") // there would be something to mend
			was, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
			defer cancel()
			for _, args := range [][]string{
				{"fsck", rebuildFlag, data}, {"fsck", data}, {"recount", data}, {"standalone", "-config", file(t, settings(data))},
				{"era", "-config", file(t, settings(data)), "-reason", "x", "-approvers", bothOfThem, data},
			} {
				var out strings.Builder
				if err := run(ctx, args, &out); exit(err) != tt.want {
					t.Errorf("duban %s = %v", args[0], err)
				}
				if args[0] == "fsck" && strings.Count(out.String(), " 0 wrong\n") != len(suite.Called())-1 {
					t.Errorf("duban %v said:\n%s", args, &out)
				}
			}
			if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, was) {
				t.Errorf("the store was written to, %v", err)
			}

			says(t, filepath.Join(from, "organization.db"), tt.row)
			b, err := os.ReadFile(filepath.Join(from, "organization.db"))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(b)
			manifest(func(m *backup.Manifest) {
				for i := range m.Stores {
					if m.Stores[i].Role == "organization" {
						m.Stores[i].SHA256, m.Stores[i].Bytes = hex.EncodeToString(sum[:]), int64(len(b))
					}
				}
			})(t, from)
			err = run(ctx, []string{"restore", "-key", filepath.Join(c.Data, "installation.key"), from, filepath.Join(t.TempDir(), "restored")}, io.Discard)
			if exit(err) != tt.want {
				t.Errorf("duban restore = %v", err)
			}
		})
	}
}

// says has a store say a version by that row, or with one wrong bit by its own.
func says(t *testing.T, path string, row []byte) {
	t.Helper()
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		if row == nil {
			own, err := tx.Get(store.VersionBucket, []byte("version"))
			if err != nil {
				return err
			}
			own[7] ^= 4
			row = own
		}
		return tx.Put(store.VersionBucket, []byte("version"), row)
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}
