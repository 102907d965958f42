package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
)

var errBoom = errors.New("boom")

// faulty is an engine whose disk a test can break.
type faulty struct {
	*engine
	file   *os.File
	failed []error // what Failed was called with
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{}
	var err error
	f.engine, err = open(filepath.Join(t.TempDir(), "db"), Options{Failed: func(err error) { f.failed = append(f.failed, err) }},
		func(name string, flag int, mode os.FileMode) (file *os.File, err error) {
			f.file, err = os.OpenFile(name, flag, mode)
			return f.file, err
		})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func put(key string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Put("b", []byte(key), nil) }
}

// queue starts an Update; in a bubble it returns when the Update waits.
func (f *faulty) queue(t *testing.T, wg *sync.WaitGroup, fn func(store.Tx) error, check func(error)) {
	wg.Go(func() { check(f.Update(t.Context(), fn)) })
	synctest.Wait()
}

func unknown(t *testing.T, who string) func(error) {
	return func(err error) {
		t.Helper()
		if !errors.Is(err, store.ErrUnknown) {
			t.Errorf("%s = %v, want ErrUnknown", who, err)
		}
	}
}

// finished checks that nothing works any more and that Failed was called once.
func (f *faulty) finished(t *testing.T) {
	t.Helper()
	fn := func(store.Tx) error {
		t.Error("fn ran after a failed commit")
		return nil
	}
	unknown(t, "a later Update")(f.Update(t.Context(), fn))
	unknown(t, "a later View")(f.View(t.Context(), fn))
	if len(f.failed) != 1 || !errors.Is(f.failed[0], store.ErrUnknown) {
		t.Errorf("Failed was called with %v, want one ErrUnknown", f.failed)
	}
}

// The disk goes away under a group: its callers, those behind them in the queue
// and those who come later all learn that nobody knows.
func TestCommitError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		if err := f.Update(t.Context(), put("before")); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		gate := make(chan struct{})
		f.queue(t, &wg, func(tx store.Tx) error {
			<-gate
			return put("first")(tx)
		}, unknown(t, "the first"))
		f.queue(t, &wg, func(store.Tx) error { return errBoom }, unknown(t, "the refused"))
		for range 2 * limit {
			f.queue(t, &wg, put("other"), unknown(t, "another"))
		}
		if err := f.file.Close(); err != nil {
			t.Fatal(err)
		}
		close(gate)
		wg.Wait()
		f.finished(t)
		if err := f.Close(); err == nil {
			t.Error("Close hid that the file is gone")
		}
	})
}

func TestCommitPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		f.sync = func(*bbolt.Tx) error { panic(errBoom) }
		var wg sync.WaitGroup
		gate := make(chan struct{})
		f.queue(t, &wg, func(tx store.Tx) error {
			<-gate
			return put("first")(tx)
		}, unknown(t, "the first"))
		wg.Go(func() {
			defer func() {
				if r := recover(); r != any(errBoom) {
					t.Errorf("recovered %v", r)
				}
			}()
			err := f.Update(t.Context(), put("last"))
			t.Errorf("the committing caller = %v, want a panic", err)
		})
		synctest.Wait()
		close(gate)
		wg.Wait()
		f.finished(t)
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// Between the write and the last sync of a commit bbolt shows it to readers. A
// View must not answer from it before it is known to be durable.
func TestViewWaitsForTheLastSync(t *testing.T) {
	for name, end := range map[string]error{"durable": nil, "failed": errBoom} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaulty(t)
				gate := make(chan struct{})
				f.sync = func(tx *bbolt.Tx) error {
					err := tx.Commit()
					<-gate
					return errors.Join(err, end)
				}
				var wg sync.WaitGroup
				f.queue(t, &wg, put("k"), func(error) {})
				answered := false
				wg.Go(func() {
					err := f.View(t.Context(), func(tx store.Tx) error {
						answered = true
						_, err := tx.Get("b", []byte("k"))
						return err
					})
					if errors.Is(err, store.ErrUnknown) != (end != nil) || end == nil && err != nil {
						t.Errorf("View = %v", err)
					}
				})
				synctest.Wait()
				if answered {
					t.Error("a View read what was not durable yet")
				}
				close(gate)
				wg.Wait()
				if err := f.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

// An undo that goes wrong takes the whole group along rather than commit half.
func TestBrokenUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		var wg sync.WaitGroup
		gate := make(chan struct{})
		lost := func(err error) {
			if err == nil || errors.Is(err, store.ErrUnknown) {
				t.Errorf("Update = %v, want a plain error", err)
			}
		}
		f.queue(t, &wg, func(tx store.Tx) error {
			<-gate
			return put("first")(tx)
		}, lost)
		f.queue(t, &wg, func(shared store.Tx) error {
			x := shared.(*tx)
			b, err := x.bucket("b")
			x.remember(b, nil, []byte("cannot be put back under no key"))
			return errors.Join(err, errBoom)
		}, lost)
		f.queue(t, &wg, put("next"), func(err error) {
			if err != nil {
				t.Errorf("the next group = %v", err)
			}
		})
		close(gate)
		wg.Wait()
		err := f.View(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Get("b", []byte("first")); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a broken group was committed: %v", err)
			}
			_, err := tx.Get("b", []byte("next"))
			return err
		})
		if err != nil || len(f.failed) > 0 {
			t.Errorf("View = %v, Failed with %v", err, f.failed)
		}
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}
