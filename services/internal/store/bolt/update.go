package bolt

import (
	"context"
	"fmt"
	"runtime"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
)

// limit is how many callers share a commit at most.
const limit = 256

// group is the callers that share one transaction and its commit. Callers take
// turns in it; whoever has the turn and nobody behind him commits for all.
type group struct {
	id      int // of the transaction
	t       *bbolt.Tx
	callers int
	wrote   bool  // by a caller who was not undone
	broken  error // an undo went wrong: nothing of the group may be committed

	done chan struct{} // closed when the group is answered
	err  error         // valid then: what all its callers must answer
}

// Update implements store.Engine. Whoever gave the turn away waits for the
// commit even if ctx ends meanwhile: others may have read what he wrote.
func (e *engine) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := e.admit(ctx); err != nil {
		return err
	}
	if !e.turn.take(ctx.Done()) {
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		e.passOn()
		return err
	}
	return e.run(ctx, fn)
}

// admit refuses what need not queue.
func (e *engine) admit(ctx context.Context) error {
	if err := ctx.Err(); err != nil || e.o.Reserve == 0 {
		return err
	}
	switch n, err := e.o.Free(e.path); {
	case err != nil:
		return fmt.Errorf("asking for free disk space: %w", err)
	case n < e.o.Reserve:
		return store.ErrFull
	}
	return nil
}

// run runs fn with the turn, passes the turn on and waits for the commit. It
// recovers nothing: a panic of fn, undone by then, goes its way with its stack.
func (e *engine) run(ctx context.Context, fn func(store.Tx) error) (err error) {
	g, err := e.join()
	if err != nil {
		e.turn.leave()
		return err
	}
	x := &tx{t: g.t, alive: ctx.Err}
	err = errAborted // stands if fn panics or ends its goroutine
	defer func() {
		<-g.done
		if g.err != nil {
			err = g.err
		}
	}()
	defer e.passOn()
	defer func() { g.settle(x, err) }()
	if err = fn(x); err == nil {
		err = ctx.Err()
	}
	return err
}

// join returns the open group, a new one if there is none.
func (e *engine) join() (*group, error) {
	if e.closed {
		return nil, errClosed
	}
	if err := e.failure(); err != nil {
		return nil, err
	}
	if e.group == nil {
		t, err := e.db.Begin(true)
		if err != nil {
			return nil, fmt.Errorf("beginning an update: %w", err)
		}
		e.group = &group{id: t.ID(), t: t, done: make(chan struct{})}
	}
	return e.group, nil
}

// settle keeps what a caller wrote, or undoes it if err says so.
func (g *group) settle(x *tx, err error) {
	defer x.close()
	g.callers++
	if err == nil {
		g.wrote = g.wrote || len(x.undo) > 0
		return
	}
	g.broken = errAborted // stands if the undo panics
	g.broken = x.rollback()
}

// passOn gives the turn to the next caller or, if there is none or the group is
// complete, ends the group. Before it ends one, callers that were just answered
// get a chance to come again.
func (e *engine) passOn() {
	if g := e.group; g == nil || g.broken == nil && g.callers < limit {
		if e.turn.pass() {
			return
		}
		runtime.Gosched()
		if e.turn.pass() {
			return
		}
	}
	defer e.turn.leave()
	e.end()
}

// end commits the open group, if there is one, and answers its callers.
func (e *engine) end() {
	g := e.group
	if g == nil {
		return
	}
	g.err = errAborted // stands if the commit panics
	defer func() {
		if err := e.failure(); err != nil {
			g.err = err
		}
		e.group = nil
		close(g.done)
		if e.failure() != nil && e.o.Failed != nil {
			e.o.Failed(g.err)
		}
	}()
	g.err = e.commit(g)
	if g.err == nil && g.wrote && e.o.OnCommit != nil {
		e.o.OnCommit()
	}
}

// commit makes the group durable. A group in which nobody wrote has nothing
// that its answers could rest on, and is spared the disk.
func (e *engine) commit(g *group) error {
	defer func() { _ = g.t.Rollback() }() // means nothing after a commit
	if g.broken != nil || !g.wrote {
		return g.broken
	}
	if err := e.beforeCommit(g); err != nil {
		return fmt.Errorf("before the commit: %w", err)
	}
	return e.flush(g)
}

func (e *engine) beforeCommit(g *group) error {
	if e.o.BeforeCommit == nil {
		return nil
	}
	x := &tx{t: g.t, alive: func() error { return nil }}
	defer x.close()
	return e.o.BeforeCommit(x)
}

// flush writes to the disk. After anything but success the engine is finished.
func (e *engine) flush(g *group) (err error) {
	err = errAborted // stands if bbolt panics
	defer func() {
		if err != nil {
			err = e.fail(err)
		}
	}()
	e.committing.Store(g)
	err = e.sync(g.t)
	return err
}
