package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestFsckNamesALostIndexRow: a record that lists would leave out is named by
// fsck, which rebuilds the index when it is asked to, and counts what lies about.
func TestFsckNamesALostIndexRow(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	lose(t, filepath.Join(c.Data, "organization.db"), "duban.organization.v1.RoleGrant.unit")
	if err := os.WriteFile(filepath.Join(c.Data, "blobs", "new-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	told := fsckSays(t, errWrong, c.Data)
	for _, want := range []string{
		"organization ", " 1 wrong", "first: entry ", ` roleGrants/`,
		`duban.organization.v1.RoleGrant.unit does not have it under "units/root"`,
		"warning: no record names 1 of the files",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("fsck does not say %s:\n%s", want, told)
		}
	}
	if told := fsckSays(t, nil, rebuildFlag, c.Data); !strings.HasPrefix(told, "1 index rows mended\n") {
		t.Errorf("fsck %s said:\n%s", rebuildFlag, told)
	}
	fsckSays(t, nil, c.Data)

	// One that cannot be read keeps no other from being mended, or checked.
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.CopyFS(bad, os.DirFS(c.Data)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(bad, "organization.db"), "duban.organization.v1.RoleGrant", "roleGrants/bad", []byte{0xff})
	lose(t, filepath.Join(bad, "organization.db"), "duban.organization.v1.RoleGrant.unit")
	told = fsckSays(t, errWrong, rebuildFlag, bad)
	if !strings.HasPrefix(told, "1 index rows mended\n") || !strings.Contains(told, "as they were: roleGrants/bad\n") ||
		!strings.Contains(told, "roleGrants/bad: the RoleGrant has no entry") || !strings.Contains(told, "\naggregation ") {
		t.Errorf("fsck %s said:\n%s", rebuildFlag, told)
	}

	lose(t, filepath.Join(c.Data, "organization.db"), "store") // by which clock it is written
	lose(t, filepath.Join(c.Data, "organization.db"), "store")
	put(t, filepath.Join(c.Data, "organization.db"), "store", "Version", store.Number(1))
	ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
	defer cancel()
	if err := run(ctx, []string{"standalone", "-config", file(t, c)}, t.Output()); exit(err) != exitWrong || !strings.Contains(err.Error(), "organization: store: it does not say") {
		t.Errorf("a start without the version = %v", err)
	}
	plant(t, filepath.Join(c.Data, "rectification.db"), "rectification.cursors", "campaign.issued")
	far(t, filepath.Join(c.Data, "complaint.db"), "complaint.cursors", "complaint")
	told = fsckSays(t, errWrong, c.Data)
	for _, want := range []string{
		"first: store: it does not say of which version it is", `rectification.cursors has under "campaign.issued" what is no number`,
		"it has 0 entries, and complaint has read 1048576 of it",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("fsck does not say %s:\n%s", want, told)
		}
	}

	plant(t, filepath.Join(c.Data, "evaluation.db"), "ballot.final", "rounds/r\x00receipt")
	plant(t, filepath.Join(c.Data, "complaint.db"), "complaint.contents", "complaints/c")
	plant(t, filepath.Join(c.Data, "campaign.db"), "feed.lost", "x")
	plant(t, filepath.Join(c.Data, "event.db"), "feed.meta", "lost")
	told = fsckSays(t, errWrong, c.Data)
	for _, want := range []string{
		"first: rounds/r: of 0 ballots that the feed commits to 0 are missing, and 1 are there",
		"first: feed.lost is damaged: what it has under 78 is not entry ",
		"the tail that waits to be taken over does not lead to where the log was",
		"first: complaints/c: complaint.contents has a row of it, and there is no such case",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("fsck does not say %s:\n%s", want, told)
		}
	}
	if strings.Contains(told, "a tail is waiting") {
		t.Errorf("fsck takes garbage for a tail:\n%s", told)
	}
	if err := run(ctx, []string{"standalone", "-config", file(t, c)}, t.Output()); exit(err) != exitWrong || !strings.Contains(err.Error(), "campaign: ") || !strings.Contains(err.Error(), "feed.lost is damaged") {
		t.Errorf("a start with garbage for a tail = %v", err)
	}
}

// plant adds a row that nobody wrote.
func plant(t *testing.T, path, bucket, key string) { put(t, path, bucket, key, []byte("x")) }

// far has a feed read on from where it never came to.
func far(t *testing.T, path, bucket, key string) { put(t, path, bucket, key, store.Number(1<<20)) }

func put(t *testing.T, path, bucket, key string, value []byte) {
	t.Helper()
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error { return tx.Put(bucket, []byte(key), value) })
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}

// fsckSays runs the command and returns what it printed.
func fsckSays(t *testing.T, want error, args ...string) string {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), append([]string{"fsck"}, args...), &out); !errors.Is(err, want) {
		t.Errorf("fsck = %v, want %v:\n%s", err, want, &out)
	}
	return out.String()
}

// lose deletes the first row of a bucket.
func lose(t *testing.T, path, bucket string) {
	t.Helper()
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		for row, err := range tx.Scan(bucket, nil, nil) {
			return errors.Join(err, tx.Delete(bucket, row.Key))
		}
		return errors.New("nothing to lose")
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}
