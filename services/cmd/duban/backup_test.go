package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
)

// runs runs a command in this process, which MUST end with want, and returns what
// it printed.
func runs(t *testing.T, want error, args ...string) string {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), args, &out); !errors.Is(err, want) {
		t.Fatalf("duban %v = %v, want %v:\n%s", args, err, want, &out)
	}
	return out.String()
}

// file writes a configuration.
func file(t *testing.T, c suite.Config) string {
	t.Helper()
	var text bytes.Buffer
	path := filepath.Join(t.TempDir(), "duban.yaml")
	if err := errors.Join(config.Print(&text, &c), os.WriteFile(path, text.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBackupUnderLoad: backups that are made while 32 callers write hold whole
// stores at one moment each: they restore to data that are sound, whose figures
// are those of a recount, whose feeds are the beginning of what the living ones
// became, and which serve again.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	d := boot(t, c)
	on := d.as(initialize(t, d))
	l := newLoad(t, on, "load")
	ctx, cancel := context.WithCancel(t.Context())
	written := l.start(ctx, on, callers)
	folder, key := t.TempDir(), filepath.Join(c.Data, "installation.key")
	for _, name := range []string{"a", "b", "c"} {
		<-time.After(100 * time.Millisecond)
		t.Log(runs(t, nil, "backup", "-config", file(t, c), filepath.Join(folder, name)))
	}
	cancel()
	<-written
	for _, name := range []string{"a", "b", "c"} {
		m, err := backup.Read(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		begins(t, on.feed(), m)
		again := settings(filepath.Join(t.TempDir(), "data"))
		runs(t, nil, "restore", "-key", key, filepath.Join(folder, name), again.Data)
		clean(t, again)
		runs(t, nil, "recount", again.Data)
		runs(t, nil, "era", "-reason", "a rehearsal", "-approvers", bothOfThem, again.Data)
		serves(t, again, on.admins)
	}
	d.stop()
	clean(t, c)
}

// TestBackupOfProcesses: one of each, made while they serve, aggregation first,
// are together an installation; each is restored with its role's keys alone, has
// an era of its own, and goes on by a renewed key.
func TestBackupOfProcesses(t *testing.T) {
	t.Parallel()
	s := sail(t)
	on := caller{dial(t, s.rpc), s.keys}
	l := newLoad(t, on, "load")
	ctx, cancel := context.WithCancel(t.Context())
	written := l.start(ctx, on, writers)
	<-time.After(200 * time.Millisecond)
	folder, keys := t.TempDir(), filepath.Join(filepath.Dir(s.Config("organization")), seed.KeysFolder)
	for _, role := range slices.Backward(suite.Called()) {
		runs(t, nil, "backup", "-config", s.Config(role), filepath.Join(folder, role))
	}
	cancel()
	<-written
	again := settings(t.TempDir())
	for _, role := range suite.Called() {
		data := filepath.Join(again.Data, role)
		runs(t, nil, "restore", "-key", keys, filepath.Join(folder, role), data)
		if _, err := os.Stat(filepath.Join(data, "installation.key")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was given the installation's key: %v", role, err)
		}
		if role == "event" { // nothing was written that says whose it is
			runs(t, config.ErrWrong, "era", "-key", keys, "-reason", "a rehearsal", "-approvers", bothOfThem, data)
		}
		runs(t, nil, "era", "-config", s.Config(role), "-key", keys, "-reason", "a rehearsal", "-approvers", bothOfThem, data)
	}
	if err := os.CopyFS(filepath.Join(again.Data, seed.KeysFolder), os.DirFS(keys)); err != nil {
		t.Fatal(err)
	}
	clean(t, again)
	runs(t, nil, "recount", again.Data)
	<-afterThisSecond()
	renewed := filepath.Join(t.TempDir(), seed.File)
	for _, role := range suite.Called() {
		runs(t, nil, "era", "-config", s.Config(role), "-key", filepath.Join(keys, seed.File), "-renew", renewed, "-reason", "a rehearsal", "-approvers", bothOfThem,
			filepath.Join(again.Data, role))
	}
	if err := os.Rename(renewed, filepath.Join(again.Data, seed.KeysFolder, seed.File)); err != nil {
		t.Fatal(err)
	}
	clean(t, again)
	runs(t, nil, "recount", again.Data)
}

// begins checks that each feed of a backup is the beginning of the living one.
func begins(t *testing.T, feed feedv1.FeedServiceClient, m backup.Manifest) {
	t.Helper()
	for _, s := range m.Stores {
		cp, err := feed.GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/" + s.Role})
		if err != nil {
			t.Fatal(err)
		}
		old := &feedv1.Checkpoint{Name: cp.GetName(), Size: s.Feed.Size, Root: s.Feed.Root}
		if signed := opened(t, cp, old); s.Feed.Size > 0 {
			consistent(t, feed, old, signed)
		}
	}
}

// serves starts what was restored, writes to it and counts once more.
func serves(t *testing.T, c suite.Config, keys admins) {
	t.Helper()
	d := boot(t, c)
	on := d.as(keys)
	l := newLoad(t, on, "again")
	if _, err := l.do(t.Context(), on, write{id: "again", kind: aProblem, parent: l.ledger, text: "again"}); err != nil {
		t.Fatal(err)
	}
	l.counted(t, on)
	d.stop()
	clean(t, c)
	runs(t, nil, "recount", c.Data)
}

// backedUp makes an installation, a backup of it, and ends it.
func backedUp(t *testing.T) (c suite.Config, to string) {
	t.Helper()
	c, to = settings(t.TempDir()), filepath.Join(t.TempDir(), "backup")
	d := boot(t, c)
	initialize(t, d)
	runs(t, nil, "backup", "-config", file(t, c), to)
	d.stop()
	return c, to
}

// TestABackupIsWholeOrNotThere: nothing is overwritten, what did not end has
// another name and is no backup, and without a process there is none.
func TestABackupIsWholeOrNotThere(t *testing.T) {
	c, to := backedUp(t)
	if err := run(t.Context(), []string{"backup", "-config", file(t, c), to}, io.Discard); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second backup in the same place: %v", err)
	}
	left := to + "-2.unfinished"
	if err := errors.Join(os.Mkdir(left, 0o700), os.WriteFile(filepath.Join(left, "organization.db"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"backup", "-config", file(t, c), to + "-2"}, io.Discard); err == nil {
		t.Error("a backup of a process that does not run")
	}
	for _, path := range []string{left, to + "-2"} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", path, err)
		}
	}
	if entries, err := filepath.Glob(filepath.Join(c.Data, "copy-*")); err != nil || len(entries) > 0 {
		t.Errorf("copies were left: %v, %v", entries, err)
	}
	if entries, err := filepath.Glob(filepath.Join(c.Data, "*.sock")); err != nil || len(entries) > 0 {
		t.Errorf("the socket was left: %v, %v", entries, err)
	}
	if keys, err := filepath.Glob(filepath.Join(to, "*key*")); err != nil || len(keys) > 0 {
		t.Errorf("the backup has keys: %v, %v", keys, err)
	}
}

// TestRestoreRefuses whatever is not as the manifest and the feeds say, and then
// nothing can be started on the folder.
func TestRestoreRefuses(t *testing.T) {
	c, to := backedUp(t)
	key := filepath.Join(c.Data, "installation.key")
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]struct {
		do  func(t *testing.T, folder string)
		key string
	}{
		"a flipped bit":             {flipMiddle("campaign.db"), key},
		"a store that is missing":   {without("campaign.db"), key},
		"no manifest":               {without("manifest.json"), key},
		"another key":               {func(*testing.T, string) {}, other},
		"a file nobody knows of":    {blobs("00" + strings.Repeat("11", 31)), key},
		"a manifest of the future":  {replace("manifest.json", `"format": 1`, `"format": 2`), key},
		"a role not in the list":    {manifest(lacks("campaign")), key},
		"a store not in the list":   {manifest(lacksStore("campaign")), key},
		"a role that is nowhere":    {manifest(func(m *backup.Manifest) { lacks("campaign")(m); lacksStore("campaign")(m) }), key},
		"the same, in earlier ones": {manifest(func(m *backup.Manifest) { lacks("campaign")(m); lacksStore("campaign")(m); m.Whole = false }), key},
		"a store that no role had":  {manifest(func(m *backup.Manifest) { lacks("campaign")(m); m.Whole, m.Seeded = false, false }), key},
		"files that are missing":    {replace("manifest.json", `"count": 0`, `"count": 1`), key},
		"a role outside the folder": {replace("manifest.json", `"role": "campaign"`, `"role": "../campaign"`), key},
	} {
		t.Run(name, func(t *testing.T) {
			from, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(from, os.DirFS(to)); err != nil {
				t.Fatal(err)
			}
			spoil.do(t, from)
			if err := run(t.Context(), []string{"restore", "-key", spoil.key, from, data}, io.Discard); err == nil {
				t.Fatal("it was restored")
			}
			if entries, _ := os.ReadDir(data); len(entries) > 0 {
				unfinished(t, data)
			}
			runs(t, nil, "restore", "-key", key, to, data)
			clean(t, settings(data))
		})
	}
}

// unfinished checks that nothing starts on data that are not whole.
func unfinished(t *testing.T, data string) {
	t.Helper()
	_, err := suite.Open(t.Context(), settings(data), suite.Options{Out: t.Output(), Now: time.Now})
	if !errors.Is(err, backup.ErrUnfinished) {
		t.Errorf("Open = %v, want ErrUnfinished", err)
	}
}

// TestRestoreOverwritesNothing.
func TestRestoreOverwritesNothing(t *testing.T) {
	c, to := backedUp(t)
	before, err := os.ReadDir(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), []string{"restore", "-key", filepath.Join(c.Data, "installation.key"), to, c.Data}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "nothing is overwritten") {
		t.Errorf("restore into data = %v", err)
	}
	after, err := os.ReadDir(c.Data)
	if err != nil || len(after) != len(before) {
		t.Errorf("%d files are %d now, %v", len(before), len(after), err)
	}
	clean(t, c)
}

// TestANewerStoreIsRefused, by everything that opens it, with a status of its own.
func TestANewerStoreIsRefused(t *testing.T) {
	c, to := backedUp(t)
	newer(t, filepath.Join(c.Data, "campaign.db"))
	d := launch(t, c)
	d.ends(exitVersion)
	if !strings.Contains(d.log.String(), "its version is 9, and this program knows up to") {
		t.Errorf("it said:\n%s", d.log)
	}
	for _, args := range [][]string{{"fsck", c.Data}, {"fsck", rebuildFlag, c.Data}, {"recount", c.Data}} {
		if err := run(t.Context(), args, io.Discard); exit(err) != exitVersion {
			t.Errorf("duban %v = %v", args, err)
		}
	}
	runs(t, nil, "restore", "-key", filepath.Join(c.Data, "installation.key"), to, filepath.Join(t.TempDir(), "data"))
}

// newer makes a store one of a later program.
func newer(t *testing.T, path string) {
	t.Helper()
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		return tx.Put(store.VersionBucket, []byte("version"), []byte{0, 0, 0, 0, 0, 0, 0, 9})
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}

func flipMiddle(name string) func(*testing.T, string) {
	return change(name, func(b []byte) []byte {
		b[len(b)/2] ^= 1
		return b
	})
}

func replace(name, old, new string) func(*testing.T, string) {
	return change(name, func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) })
}

// manifest changes what the manifest of a backup says.
func manifest(spoil func(m *backup.Manifest)) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		m, err := backup.Read(folder)
		if err != nil {
			t.Fatal(err)
		}
		spoil(&m)
		b, err := json.Marshal(m)
		if err := errors.Join(err, os.WriteFile(filepath.Join(folder, "manifest.json"), b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// lacks takes a role out of the manifest.
func lacks(role string) func(m *backup.Manifest) {
	return func(m *backup.Manifest) {
		m.Roles = slices.DeleteFunc(m.Roles, func(r string) bool { return r == role })
	}
}

// lacksStore takes its store out.
func lacksStore(role string) func(m *backup.Manifest) {
	return func(m *backup.Manifest) {
		m.Stores = slices.DeleteFunc(m.Stores, func(s backup.Store) bool { return s.Role == role })
	}
}

// change changes a file of a backup.
func change(name string, to func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		path := filepath.Join(folder, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, to(bytes.Clone(b)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func without(name string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// blobs adds a file that does not hold what its name says.
func blobs(name string) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		t.Helper()
		to := filepath.Join(folder, "blobs", name[:2])
		if err := errors.Join(os.MkdirAll(to, 0o700), os.WriteFile(filepath.Join(to, name), []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}
