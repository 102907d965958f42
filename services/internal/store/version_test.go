package store_test

import (
	"errors"
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

// TestVersionZeroNeverWas: only a store that says nothing is new.
func TestVersionZeroNeverWas(t *testing.T) {
	schema := store.Schema{}
	e := stale(t, schema)
	if err := e.Update(t.Context(), func(tx store.Tx) error { return tx.Put("store", []byte("version"), store.Number(0)) }); err != nil {
		t.Fatal(err)
	}
	for name, refuse := range map[string]func() error{
		"serve": func() error { return store.Migrate(t.Context(), e, schema) },
		"read":  func() error { return store.CheckVersion(t.Context(), e, schema) },
	} {
		if err := refuse(); !errors.Is(err, store.ErrVersion) {
			t.Errorf("to %s it: %v", name, err)
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
	}
}
