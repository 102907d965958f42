package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// step is a migration that notes that it ran.
func step(name string) store.Migration {
	return store.Migration{Name: name, Do: func(tx store.Tx) error {
		said, err := tx.Get("steps", []byte("said"))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return tx.Put("steps", []byte("said"), append(said, name...))
	}}
}

// stale returns a store of the version that s describes.
func stale(t *testing.T, s store.Schema) store.Engine {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := store.Migrate(t.Context(), e, s); err != nil {
		t.Fatal(err)
	}
	return e
}

// said returns which migrations ran on a store.
func said(t *testing.T, e store.Engine) (text string) {
	t.Helper()
	err := e.View(t.Context(), func(tx store.Tx) error {
		b, err := tx.Get("steps", []byte("said"))
		text = string(b)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return text
}

// TestMigrate: each migration that a store lacks runs once, in order; a new store
// needs none.
func TestMigrate(t *testing.T) {
	schema := store.Schema{Migrations: []store.Migration{step("a"), step("b"), step("c")}}
	for want, from := range map[string]store.Schema{
		"abc": {},
		"bc":  {Migrations: schema.Migrations[:1]},
		"c":   {First: 3},
		"":    schema,
	} {
		e := stale(t, from)
		for range 2 {
			if err := store.Migrate(t.Context(), e, schema); err != nil {
				t.Fatal(err)
			}
		}
		if got := said(t, e); got != want {
			t.Errorf("from version %d: the migrations %q ran, want %q", from.Version(), got, want)
		}
		if is, err := store.VersionOf(t.Context(), e); err != nil || is != 4 {
			t.Errorf("the version is %d, %v", is, err)
		}
	}
}

// TestAStoreWithoutItsVersion is not taken for any; who only reads may look into it.
func TestAStoreWithoutItsVersion(t *testing.T) {
	schema := store.Schema{Migrations: []store.Migration{step("a")}}
	for name, spoil := range map[string]func(store.Tx) error{
		"gone":    func(store.Tx) error { return nil },
		"renamed": func(tx store.Tx) error { return tx.Put("store", []byte("Version"), store.Number(2)) },
		"cut":     func(tx store.Tx) error { return tx.Put("store", []byte("version"), store.Number(2)[:7]) },
	} {
		e := stale(t, schema)
		err := e.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.Delete("store", []byte("version")), spoil(tx))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Migrate(t.Context(), e, schema); !errors.Is(err, store.ErrNoVersion) || said(t, e) != "" {
			t.Errorf("%s: Migrate = %v", name, err)
		}
		if err := store.CheckVersion(t.Context(), e, schema); err != nil {
			t.Errorf("%s: CheckVersion = %v", name, err)
		}
	}
}

// TestOtherVersionsAreRefused, and nothing of them is changed.
func TestOtherVersionsAreRefused(t *testing.T) {
	newer := stale(t, store.Schema{First: 7})
	for name, c := range map[string]struct {
		schema store.Schema
		check  func(store.Schema) error
		want   string
	}{
		"newer, to serve": {store.Schema{First: 6}, func(s store.Schema) error { return store.Migrate(t.Context(), newer, s) }, "knows up to 6"},
		"newer, to read":  {store.Schema{First: 6}, func(s store.Schema) error { return store.CheckVersion(t.Context(), newer, s) }, "knows up to 6"},
		"too old":         {store.Schema{First: 8}, func(s store.Schema) error { return store.Migrate(t.Context(), newer, s) }, "takes over from 8 on"},
		"older, to read": {store.Schema{First: 7, Migrations: []store.Migration{step("a")}},
			func(s store.Schema) error { return store.CheckVersion(t.Context(), newer, s) }, "start it on the data once"},
	} {
		if err := c.check(c.schema); !errors.Is(err, store.ErrVersion) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrVersion that says %q", name, err, c.want)
		}
	}
	if is, err := store.VersionOf(t.Context(), newer); err != nil || is != 7 {
		t.Errorf("the version is %d now, %v", is, err)
	}
}

// TestAVersionThatIsSaidOnce, as builds from before say it, is that version, and is said
// twice after the next migration.
func TestAVersionThatIsSaidOnce(t *testing.T) {
	e := stale(t, store.Schema{})
	if err := e.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.VersionBucket, []byte("version"), store.Number(1)) }); err != nil {
		t.Fatal(err)
	}
	for _, s := range []store.Schema{{}, {Migrations: []store.Migration{step("a")}}} {
		if err := store.Migrate(t.Context(), e, s); err != nil {
			t.Fatal(err)
		}
		if is, err := store.VersionOf(t.Context(), e); err != nil || is != s.Version() {
			t.Errorf("the version is %d, %v", is, err)
		}
	}
	err := e.View(t.Context(), func(tx store.Tx) error {
		row, err := tx.Get(store.VersionBucket, []byte("version"))
		if err == nil && len(row) != 16 {
			t.Errorf("it has %x", row)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAFailedMigrationLeavesTheStoreAsItWas.
func TestAFailedMigrationLeavesTheStoreAsItWas(t *testing.T) {
	e := stale(t, store.Schema{})
	broken := store.Migration{Name: "b", Do: func(store.Tx) error { return errors.New("no") }}
	if err := store.Migrate(t.Context(), e, store.Schema{Migrations: []store.Migration{step("a"), broken}}); err == nil {
		t.Error("a migration failed and nobody heard of it")
	}
	if is, err := store.VersionOf(t.Context(), e); err != nil || is != 1 || said(t, e) != "" {
		t.Errorf("the version is %d, the migrations %q ran, %v", is, said(t, e), err)
	}
}

// TestAStoreStaysWithItsClock: a store is written by one kind of clock for ever, and one
// that has a version and no clock by neither.
func TestAStoreStaysWithItsClock(t *testing.T) {
	is := func(e store.Engine, simulated bool) error {
		return e.View(t.Context(), func(tx store.Tx) error { return store.CheckTime(tx, simulated) })
	}
	for _, simulated := range []bool{false, true} {
		e, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		if err := is(e, simulated); err != nil {
			t.Errorf("a new one is answered %v", err)
		}
		if err := store.Migrate(t.Context(), e, store.Schema{}, store.NoteTime(simulated)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(store.Migrate(t.Context(), e, store.Schema{}, store.NoteTime(!simulated)), is(e, simulated)); err != nil {
			t.Error(err)
		}
		if err := is(e, !simulated); !errors.Is(err, store.ErrOtherTime) {
			t.Errorf("another clock is answered %v", err)
		}
		if err := is(stale(t, store.Schema{}), simulated); !errors.Is(err, store.ErrOtherTime) {
			t.Errorf("one that does not say is answered %v", err)
		}
		for _, by := range [][]byte{nil, {2}, {0, 0}} {
			if err := e.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.VersionBucket, []byte("simulated"), by) }); err != nil {
				t.Fatal(err)
			}
			if err := is(e, simulated); !errors.Is(err, store.ErrOtherTime) || !strings.Contains(err.Error(), "it says") {
				t.Errorf("one that says %x is answered %v", by, err)
			}
		}
	}
}

// TestAWrongBitIsNoOtherVersion: whichever bit of the row is wrong, and wherever it is cut,
// the store says no version; nor does one that says one which no program ever will.
func TestAWrongBitIsNoOtherVersion(t *testing.T) {
	schema := store.Schema{First: 10}
	e := stale(t, schema)
	var row []byte
	err := e.View(t.Context(), func(tx store.Tx) (err error) {
		row, err = tx.Get(store.VersionBucket, []byte("version"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, row []byte) {
		t.Helper()
		if err := e.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.VersionBucket, []byte("version"), row) }); err != nil {
			t.Fatal(err)
		}
		if err := store.Migrate(t.Context(), e, schema); !errors.Is(err, store.ErrNoVersion) || !strings.Contains(err.Error(), "which no program writes") {
			t.Errorf("%s: Migrate = %v", what, err)
		}
		if err := store.CheckVersion(t.Context(), e, schema); err != nil { // who only reads may look into it
			t.Errorf("%s: CheckVersion = %v", what, err)
		}
	}
	for bit := range 8 * len(row) {
		wrong := bytes.Clone(row)
		wrong[bit/8] ^= 1 << (bit % 8)
		refused(fmt.Sprint("the bit ", bit), wrong)
	}
	refused("empty", nil)
	refused("short", row[:7])
	refused("cut", row[:15])
	refused("longer", append(bytes.Clone(row), 0))
	for _, n := range []uint64{0, 1<<16 + 1, 1 << 40} {
		refused(fmt.Sprint("once, ", n), store.Number(n))
	}
}

// TestWhatAStoreSaysOfItself is known by its keys.
func TestWhatAStoreSaysOfItself(t *testing.T) {
	for key, want := range map[string]bool{"version": true, "simulated": true, "": false, "Version": false, "versions": false} {
		if store.Says([]byte(key)) != want {
			t.Errorf("Says(%q) = %v", key, !want)
		}
	}
}
