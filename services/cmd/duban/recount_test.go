package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestRecountTellsADifferenceFromAFailure: only a figure that differs is said to
// differ, and in words that can be read.
func TestRecountTellsADifferenceFromAFailure(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	recounts := func(data string) error { return run(t.Context(), []string{"recount", data}, t.Output()) }
	if err := recounts(c.Data); err == nil || errors.Is(err, errWrong) {
		t.Errorf("while the suite runs: %v", err)
	}
	d.stop()
	if err := recounts(filepath.Join(c.Data, "none")); err == nil || errors.Is(err, errWrong) {
		t.Errorf("where nothing is: %v", err)
	}
	for bucket, want := range map[string]string{
		"figures":        "the row of figures at school / any / any / any / xm2026-01 cannot be read",
		"figures.owed":   "figures.owed at school / any / any / any / xm2026-01 is 2, and missing",
		"figures.scores": "the row of figures.scores at school / any / any / any / xm2026-01 cannot be read",
	} {
		figure(t, c.Data, bucket, func(tx store.Tx, key []byte) error { return tx.Put(bucket, key, []byte("2")) })
		err := recounts(c.Data)
		if !errors.Is(err, errWrong) || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\x00\x01\\") {
			t.Errorf("recount = %v, want …%s…", err, want)
		}
		figure(t, c.Data, bucket, func(tx store.Tx, key []byte) error { return tx.Delete(bucket, key) })
	}
}

// figure changes what is kept of a unit that is not there.
func figure(t *testing.T, data, bucket string, do func(store.Tx, []byte) error) {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(data, "aggregation.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		return do(tx, []byte("school\x00\x01\x00\x01\x00\x01\x00xm2026-01"))
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}
