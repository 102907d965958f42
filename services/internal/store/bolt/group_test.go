package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

var errBoom = errors.New("boom")

func put(key string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Put("b", []byte(key), []byte("v")) }
}

// has says whether a View shows key.
func has(t testing.TB, e store.Engine, key string) bool {
	t.Helper()
	err := e.View(t.Context(), func(tx store.Tx) error {
		_, err := tx.Get("b", []byte(key))
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("View: %v", err)
	}
	return err == nil
}

// call is an Update on its way.
type call struct {
	done chan struct{}
	err  error
	over any // what it panicked with
}

// start queues an Update and returns when it waits or is answered.
func start(ctx context.Context, e store.Engine, fn func(store.Tx) error) *call {
	c := &call{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer func() { c.over = recover() }()
		c.err = e.Update(ctx, fn)
	}()
	synctest.Wait()
	return c
}

func (c *call) answered() bool {
	synctest.Wait()
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// wait returns the answer. In a bubble a call that never ends is a deadlock.
func (c *call) wait() error {
	<-c.done
	return c.err
}

// hold queues an Update that keeps the turn until release is called.
func hold(t testing.TB, e store.Engine, fn func(store.Tx) error) (c *call, release func()) {
	gate := make(chan struct{})
	c = start(t.Context(), e, func(tx store.Tx) error {
		<-gate
		return fn(tx)
	})
	return c, sync.OnceFunc(func() { close(gate) })
}

func want(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// counts counts the commits of an engine.
type counts struct{ before, after atomic.Int64 }

func (n *counts) options() bolt.Options {
	return bolt.Options{
		BeforeCommit: func(tx store.Tx) error {
			return tx.Put("b", []byte("checkpoint"), fmt.Append(nil, n.before.Add(1)))
		},
		OnCommit: func() { n.after.Add(1) },
	}
}

func (n *counts) check(t testing.TB, commits int64) {
	t.Helper()
	if b, a := n.before.Load(), n.after.Load(); b != commits || a != commits {
		t.Errorf("%d hooks ran before and %d after %d commits", b, a, commits)
	}
}

func TestGroupSharesOneCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n counts
		e := open(t, n.options())
		_, release := hold(t, e, put("first"))
		var calls []*call
		for i := range 300 {
			calls = append(calls, start(t.Context(), e, put(fmt.Sprint(i))))
		}
		release()
		for i, c := range calls {
			want(t, "Update", c.wait(), nil)
			if !has(t, e, fmt.Sprint(i)) {
				t.Errorf("caller %d was answered before his commit", i)
			}
		}
		n.check(t, 2) // 256 and the rest
	})
}

// Nobody hears anything, good or bad, before the commit.
func TestGroupAnswersAfterItsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, bolt.Options{})
		first, letFirst := hold(t, e, put("k"))
		refused := start(t.Context(), e, func(tx store.Tx) error {
			_, err := tx.Get("b", []byte("k"))
			return errors.Join(err, errBoom)
		})
		panics := start(t.Context(), e, func(store.Tx) error { panic(errBoom) })
		last, letLast := hold(t, e, func(store.Tx) error { return nil })
		letFirst()
		for name, c := range map[string]*call{"the first": first, "the refused": refused, "the panicking": panics, "the last": last} {
			if c.answered() {
				t.Errorf("%s caller was answered before the commit", name)
			}
		}
		if has(t, e, "k") {
			t.Error("a View saw what is not committed")
		}
		letLast()
		want(t, "first", first.wait(), nil)
		want(t, "refused", refused.wait(), errBoom)
		if errors.Is(refused.err, store.ErrNotFound) {
			t.Error("a caller did not see what the one before him wrote")
		}
		if panics.wait(); panics.over != any(errBoom) {
			t.Errorf("panicked with %v", panics.over)
		}
		want(t, "last", last.wait(), nil)
		if !has(t, e, "k") {
			t.Error("a last caller who writes nothing lost what the others wrote")
		}
	})
}

func TestQueuedCallerLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, bolt.Options{})
		first, release := hold(t, e, put("first"))
		ctx, cancel := context.WithCancel(t.Context())
		queued := start(ctx, e, put("cancelled"))
		behind := start(t.Context(), e, put("behind"))
		cancel()
		if !queued.answered() {
			t.Error("a cancelled caller stays in the queue")
		}
		want(t, "cancelled", queued.wait(), context.Canceled)
		release()
		want(t, "first", first.wait(), nil)
		want(t, "behind", behind.wait(), nil)
		if has(t, e, "cancelled") {
			t.Error("a cancelled caller wrote")
		}
	})
}

// The last in the queue is cancelled just as he gets the turn: the scheduler
// decides which he sees first, and either way the group is committed.
func TestCancelledCallerPassesTheTurnOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, bolt.Options{})
		for i := range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			key := fmt.Sprint(i)
			first, release := hold(t, e, func(tx store.Tx) error {
				cancel()
				return put(key)(tx)
			})
			last := start(ctx, e, func(store.Tx) error {
				t.Error("fn ran although its context was done")
				return nil
			})
			release()
			want(t, "last", last.wait(), context.Canceled)
			want(t, "first", first.wait(), nil)
			if !has(t, e, key) {
				t.Fatalf("round %d: the first was answered and not committed", i)
			}
		}
	})
}

func TestBeforeCommitIsInTheSameCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := ""
		e := open(t, bolt.Options{BeforeCommit: func(tx store.Tx) error {
			for entry, err := range tx.Scan("b", nil, nil) {
				if err != nil {
					return err
				}
				seen += string(entry.Key)
			}
			return put("signed")(tx)
		}})
		_, release := hold(t, e, put("1"))
		undone := start(t.Context(), e, func(tx store.Tx) error { return errors.Join(put("2")(tx), errBoom) })
		last := start(t.Context(), e, put("3"))
		release()
		want(t, "undone", undone.wait(), errBoom)
		want(t, "last", last.wait(), nil)
		if seen != "13" || !has(t, e, "signed") {
			t.Errorf("the hook saw %q, its own write is there: %v", seen, has(t, e, "signed"))
		}
	})
}

func TestBeforeCommitFailsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errSign, fail := errors.New("no key"), true
		var n counts
		e := open(t, bolt.Options{OnCommit: func() { n.after.Add(1) }, BeforeCommit: func(tx store.Tx) error {
			if fail {
				return errors.Join(put("signed")(tx), errSign)
			}
			return nil
		}})
		first, release := hold(t, e, put("1"))
		refused := start(t.Context(), e, func(store.Tx) error { return errBoom })
		last := start(t.Context(), e, put("3"))
		release()
		for _, c := range []*call{first, refused, last} {
			want(t, "Update", c.wait(), errSign)
		}
		if has(t, e, "1") || has(t, e, "3") || has(t, e, "signed") || n.after.Load() != 0 {
			t.Error("a group without its signature was committed")
		}
		fail = false
		want(t, "next", e.Update(t.Context(), put("4")), nil)
		if !has(t, e, "4") || has(t, e, "1") {
			t.Error("the next group is not itself")
		}
	})
}

func TestBeforeCommitPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := true
		e := open(t, bolt.Options{BeforeCommit: func(store.Tx) error {
			if fail {
				panic(errBoom)
			}
			return nil
		}})
		first, release := hold(t, e, put("1"))
		last := start(t.Context(), e, put("2"))
		release()
		if first.wait() == nil || has(t, e, "1") {
			t.Errorf("first = %v although nothing was committed", first.err)
		}
		if last.wait(); last.over != any(errBoom) {
			t.Errorf("the committing caller panicked with %v, want the hook's panic", last.over)
		}
		fail = false
		want(t, "next", e.Update(t.Context(), put("3")), nil)
	})
}

func TestGroupWithoutWritesSparesTheDisk(t *testing.T) {
	var n counts
	e := open(t, n.options())
	want(t, "reading", e.Update(t.Context(), func(tx store.Tx) error { return tx.Delete("b", []byte("k")) }), nil)
	want(t, "undone", e.Update(t.Context(), func(tx store.Tx) error { return errors.Join(put("k")(tx), errBoom) }), errBoom)
	n.check(t, 0)
	want(t, "writing", e.Update(t.Context(), put("k")), nil)
	n.check(t, 1)
	want(t, "deleting", e.Update(t.Context(), func(tx store.Tx) error { return tx.Delete("b", []byte("k")) }), nil)
	n.check(t, 2)
}

func TestCloseWaitsForTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, bolt.Options{})
		first, letFirst := hold(t, e, put("1"))
		second, letSecond := hold(t, e, put("2"))
		closed := make(chan error, 1)
		go func() { closed <- e.Close() }()
		synctest.Wait()
		late := start(t.Context(), e, put("late"))
		letFirst()
		synctest.Wait()
		if len(closed) > 0 {
			t.Error("Close did not wait for a caller who came before it")
		}
		letSecond()
		want(t, "first", first.wait(), nil)
		want(t, "second", second.wait(), nil)
		want(t, "Close", <-closed, nil)
		if late.wait() == nil {
			t.Error("an Update after Close passed")
		}
	})
}
