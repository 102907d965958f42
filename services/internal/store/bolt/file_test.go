package bolt_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// ls names the files in the folder of path.
func ls(t testing.TB, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Every state that a crash during the first Open can leave is one from which
// the next Open goes on.
func TestOpenAfterCrash(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	e, err := bolt.Open(whole, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "Update", e.Update(t.Context(), put("k")), nil)
	want(t, "Close", e.Close(), nil)
	full, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{
		"nothing yet":         {},
		"empty temp":          {"db.new": {}},
		"torn temp":           {"db.new": full[:5000]},
		"garbage temp":        {"db.new": []byte(strings.Repeat("x", 20000))},
		"empty file":          {"db": {}},
		"empty file and temp": {"db": {}, "db.new": full[:1]},
		"whole file and temp": {"db": full, "db.new": full[:1]},
		"whole file":          {"db": full},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			for file, data := range files {
				if err := os.WriteFile(filepath.Join(filepath.Dir(path), file), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before, _ := os.Stat(path)
			e, err := bolt.Open(path, bolt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			after, _ := os.Stat(path)
			if kept := os.SameFile(before, after); kept != (len(files["db"]) > 0) {
				t.Errorf("the file is the same: %v, want a whole one kept and an empty one replaced", kept)
			}
			if got, want := has(t, e, "k"), len(files["db"]) > 0; got != want {
				t.Errorf("has its record: %v, want %v", got, want)
			}
			want(t, "Update", e.Update(t.Context(), put("l")), nil)
			want(t, "Close", e.Close(), nil)
			if diff := cmp.Diff([]string{"db"}, ls(t, path)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOpenKeepsWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	for i, key := range []string{"a", "b", "c"} {
		e, err := bolt.Open(path, bolt.Options{MapSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && !has(t, e, "a") {
			t.Error("lost at reopening")
		}
		want(t, "Update", e.Update(t.Context(), put(key)), nil)
		want(t, "Close", e.Close(), nil)
		want(t, "second Close", e.Close(), nil)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("x", 20000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{garbage, filepath.Join(dir, "missing", "db"), dir} {
		if e, err := bolt.Open(path, bolt.Options{}); err == nil {
			t.Errorf("Open(%s) passed", filepath.Base(path))
			_ = e.Close()
		}
	}
}

// A file that was cut off anywhere is named as damaged, also where nothing that Open reads
// is missing, and may be opened again at once when it is whole.
func TestOpenRefusesACutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	e, err := bolt.Open(path, bolt.Options{MapSize: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "Update", e.Update(t.Context(), func(tx store.Tx) error { return tx.Put("large", []byte("k"), make([]byte, 1<<18)) }), nil)
	for range 3 { // so that what Open reads lies before the large value
		want(t, "Update", e.Update(t.Context(), put("k")), nil)
	}
	want(t, "Close", e.Close(), nil)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 1 << 12, 1 << 14, 1 << 17, 1<<17 + 1, 1 << 18} {
		want(t, "cutting", os.WriteFile(path, whole[:size], 0o600), nil)
		if _, err := bolt.Open(path, bolt.Options{}); !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open of %d of %d bytes = %v", size, len(whole), err)
		}
	}
	want(t, "mending", os.WriteFile(path, whole, 0o600), nil)
	e, err = bolt.Open(path, bolt.Options{})
	want(t, "Open", err, nil)
	want(t, "Close", e.Close(), nil)
}

// However many come first, one gets the file, and it is the one under its name.
func TestOpenOnlyOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	var wg sync.WaitGroup
	opened, refused := make(chan store.Engine, 8), make(chan error, 8)
	for range cap(opened) {
		wg.Go(func() {
			if e, err := bolt.Open(path, bolt.Options{}); err == nil {
				opened <- e
			} else {
				refused <- err
			}
		})
	}
	wg.Wait()
	if len(opened) != 1 {
		t.Fatalf("%d opened the file", len(opened))
	}
	if err := <-refused; !strings.Contains(err.Error(), "another process holds it") {
		t.Errorf("refused with %v", err)
	}
	e := <-opened
	want(t, "Update", e.Update(t.Context(), put("k")), nil)
	want(t, "Close", e.Close(), nil)
	again, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if !has(t, again, "k") {
		t.Error("wrote to a file that lost its name")
	}
}

func TestReserve(t *testing.T) {
	var left uint64
	var broken error
	e := open(t, bolt.Options{Reserve: 1000, Free: func(path string) (uint64, error) {
		if filepath.Base(path) != "db" {
			t.Errorf("asked for the disk of %s", path)
		}
		return left, broken
	}})
	left = 1000
	want(t, "at the reserve", e.Update(t.Context(), put("k")), nil)
	left = 999
	want(t, "below the reserve", e.Update(t.Context(), func(store.Tx) error {
		t.Error("fn ran although the disk is full")
		return nil
	}), store.ErrFull)
	if !has(t, e, "k") {
		t.Error("a View is refused when the disk is full")
	}
	broken = errBoom
	want(t, "of an unknown disk", e.Update(t.Context(), put("l")), errBoom)
	left, broken = 1000, nil
	want(t, "after making room", e.Update(t.Context(), put("m")), nil)
}

func TestReserveOfThisDisk(t *testing.T) {
	want(t, "with any room", open(t, bolt.Options{Reserve: 1}).Update(t.Context(), put("k")), nil)
	err := open(t, bolt.Options{Reserve: math.MaxUint64}).Update(t.Context(), put("k"))
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("with an impossible reserve = %v, want ErrFull", err)
	}
}
