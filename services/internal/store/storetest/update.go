package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/internal/store"
)

func readsOwnWrites(t *testing.T, e store.Engine) {
	put(t, e, "old", "0")
	update(t, e, func(tx store.Tx) error {
		if err := errors.Join(write(tx, "k", "1"), write(tx, "old", "2")); err != nil {
			return err
		}
		if v, err := read(tx, "k"); v != "1" || err != nil {
			t.Errorf("Get after Put = %q, %v", v, err)
		}
		var seen []string
		for entry := range tx.Scan(b, nil, nil) {
			seen = append(seen, string(entry.Key)+"="+string(entry.Value))
		}
		if diff := cmp.Diff([]string{"k=1", "old=2"}, seen); diff != "" {
			t.Errorf("Scan after Put (-want +got):\n%s", diff)
		}
		return nil
	})
}

// scribble writes in every way there is, several times to the same keys, and
// uses its buffers again.
func scribble(tx store.Tx) error {
	k := []byte("kept")
	defer clear(k)
	return errors.Join(
		tx.Put(b, k, []byte("0")),
		write(tx, "new", "1"), write(tx, "new", "2"),
		write(tx, "kept", "1"), write(tx, "kept", "2"),
		tx.Delete(b, []byte("gone")),
		tx.Delete(b, []byte("reborn")), write(tx, "reborn", "1"),
		write(tx, "brief", "1"), tx.Delete(b, []byte("brief")),
		tx.Delete(b, []byte("never")),
		write(tx, "empty", "full"),
		tx.Put("fresh", []byte("k"), []byte("v")),
	)
}

// unscribbled runs do, which scribbles in vain, amid others who succeed, and
// compares before and after.
func unscribbled(t *testing.T, e store.Engine, do func()) {
	t.Helper()
	put(t, e, "kept", "old", "gone", "old", "reborn", "old", "empty", "")
	want := contents(t, e)
	for i := range crowd {
		want[fmt.Sprint("other/", i)] = "v"
	}
	together(crowd, func(i int) {
		if i%3 == 0 {
			do()
		}
		put(t, e, fmt.Sprint("other/", i), "v")
	})
	if diff := cmp.Diff(want, contents(t, e)); diff != "" {
		t.Errorf("the undone left traces (-want +got):\n%s", diff)
	}
	view(t, e, func(tx store.Tx) error {
		if _, err := tx.Get("fresh", []byte("k")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a new bucket kept its entry: %v", err)
		}
		return nil
	})
}

func undoesEveryKind(t *testing.T, e store.Engine) {
	unscribbled(t, e, func() {
		err := e.Update(t.Context(), func(tx store.Tx) error {
			if err := scribble(tx); err != nil {
				t.Errorf("writing: %v", err)
			}
			return errBoom
		})
		if !errors.Is(err, errBoom) {
			t.Errorf("Update = %v, want the error of fn", err)
		}
	})
}

func rollsBackOnPanic(t *testing.T, e store.Engine) {
	unscribbled(t, e, func() {
		defer func() {
			if r := recover(); r != any(errBoom) {
				t.Errorf("Update panicked with %v, want what fn panicked with", r)
			}
		}()
		err := e.Update(t.Context(), func(tx store.Tx) error {
			if err := scribble(tx); err != nil {
				t.Errorf("writing: %v", err)
			}
			panic(errBoom)
		})
		t.Errorf("Update = %v, want a panic", err)
	})
}

// t.Fatal in a test's fn is such a case.
func rollsBackOnGoexit(t *testing.T, e store.Engine) {
	unscribbled(t, e, func() {
		var wg sync.WaitGroup
		wg.Go(func() {
			err := e.Update(t.Context(), func(tx store.Tx) error {
				if err := scribble(tx); err != nil {
					t.Errorf("writing: %v", err)
				}
				runtime.Goexit()
				return nil
			})
			t.Errorf("Update = %v, want no answer", err)
		})
		wg.Wait()
	})
}

func rollsBackWhenCancelled(t *testing.T, e store.Engine) {
	unscribbled(t, e, func() {
		ctx, cancel := context.WithCancel(t.Context())
		err := e.Update(ctx, func(tx store.Tx) error {
			cancel()
			return scribble(tx)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Update = %v, want context.Canceled", err)
		}
	})
}

func losesNoUpdate(t *testing.T, e store.Engine) {
	const workers, each = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				err := e.Update(t.Context(), func(tx store.Tx) error {
					_, err := next(tx, "n")
					return err
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	want := string(binary.BigEndian.AppendUint64(nil, workers*each))
	if v, err := get(t, e, "n"); v != want || err != nil {
		t.Errorf("counted %x, %v, want %x", v, err, want)
	}
}

// next increments the counter at key and returns it.
func next(tx store.Tx, key string) (uint64, error) {
	v, there, err := store.Seek(tx, b, []byte(key))
	if err != nil {
		return 0, err
	}
	if !there {
		v = make([]byte, 8)
	}
	n := binary.BigEndian.Uint64(v) + 1
	return n, tx.Put(b, []byte(key), binary.BigEndian.AppendUint64(nil, n))
}

// Two updates that each read both keys and clear their own may not both commit.
func hasNoWriteSkew(t *testing.T, e store.Engine) {
	put(t, e, "alice", "on", "bob", "on")
	var wg sync.WaitGroup
	for _, me := range []string{"alice", "bob"} {
		wg.Go(func() {
			err := e.Update(t.Context(), func(tx store.Tx) error {
				on := 0
				for entry, err := range tx.Scan(b, nil, nil) {
					if err != nil {
						return err
					}
					if string(entry.Value) == "on" {
						on++
					}
				}
				if on < 2 {
					return nil
				}
				return write(tx, me, "off")
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		})
	}
	wg.Wait()
	alice, _ := get(t, e, "alice")
	bob, _ := get(t, e, "bob")
	if alice == "off" && bob == "off" {
		t.Error("both went off call")
	}
}

func viewIsSnapshot(t *testing.T, e store.Engine) {
	put(t, e, "k", "1")
	view(t, e, func(tx store.Tx) error {
		before, err := read(tx, "k")
		if err != nil {
			return err
		}
		var wg sync.WaitGroup
		wg.Go(func() { put(t, e, "k", "2", "l", "2") })
		wg.Wait()
		after, err := read(tx, "k")
		if before != after {
			t.Errorf("a view saw %q and then %q", before, after)
		}
		if _, err := read(tx, "l"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a view saw a later key: %v", err)
		}
		return err
	})
}

func viewSeesNoRunningUpdate(t *testing.T, e store.Engine) {
	put(t, e, "k", "1")
	update(t, e, func(tx store.Tx) error {
		if err := errors.Join(write(tx, "k", "2"), write(tx, "l", "2")); err != nil {
			return err
		}
		done := make(chan map[string]string)
		go func() {
			defer close(done)
			done <- contents(t, e)
		}()
		if diff := cmp.Diff(map[string]string{"k": "1"}, <-done); diff != "" {
			t.Errorf("a view saw what is not committed (-want +got):\n%s", diff)
		}
		return nil
	})
}
