// Package bolt is the embedded engine: one bbolt file, one process, changes
// committed in groups. It runs on Linux and macOS. It does not check the data
// it reads (bbolt has no checksums over data): the feed's Merkle root does that.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/duban-project/duban/services/internal/store"
)

const (
	// mapped is the address space reserved at opening, in bytes. A writer that
	// outgrows it waits for every open View to end.
	mapped = 16 << 30

	// atStart is how many leaves Open looks at, which takes some milliseconds however
	// large the file is. Inspect and Mend look at all.
	atStart = 1 << 15

	// patience is how long Open waits for another process to let go of the file.
	patience = time.Second
)

var (
	errClosed  = errors.New("bolt: closed")
	errOver    = errors.New("bolt: transaction is over")
	errAborted = errors.New("bolt: aborted by a panic")
)

// Options says what an engine does beyond its transactions. The zero value is
// an engine without a reserve and without hooks.
type Options struct {
	// Reserve is the free disk space, in bytes, below which an Update is refused
	// with store.ErrFull before it starts.
	Reserve uint64

	// Free returns the free bytes of the disk that holds path. Nil asks the
	// operating system.
	Free func(path string) (uint64, error)

	// MapSize is the address space to reserve, in bytes; 0 means 16 GiB.
	MapSize int

	// BeforeCommit runs once in each group that wrote something, after its last
	// caller and in the same commit. If it fails, the group is rolled back and
	// each of its callers gets the error.
	BeforeCommit func(store.Tx) error

	// OnCommit is called after each durable commit, before its callers are
	// answered and never twice at a time. It MUST return at once.
	OnCommit func()

	// Failed is called once, when a commit met an I/O error. From then on every
	// call answers store.ErrUnknown, and the process MUST exit.
	Failed func(error)

	leaves int // that opening looks at; 0: all
}

// engine keeps what only the holder of the turn may touch apart from what is
// safe for everyone.
type engine struct {
	path string
	o    Options
	db   *bbolt.DB
	turn turn
	sync func(*bbolt.Tx) error // commits; a test puts a fault here

	failed     atomic.Pointer[error] // what the failed commit answered
	committing atomic.Pointer[group] // the last group that began to commit

	group  *group // held by the turn: the open group, or nil
	closed bool   // held by the turn
}

// Open opens the file at path, or makes it in an existing folder. It fails if
// somebody else holds the file for more than a second, and with ErrDamaged if the
// file was cut off, its pages lead in a circle, or it is otherwise none that can be opened.
func Open(path string, o Options) (store.Engine, error) {
	return open(path, o, os.OpenFile)
}

func open(path string, o Options, file openFile) (e *engine, err error) {
	if err := create(path); err != nil {
		return nil, fmt.Errorf("creating %s: %w", path, err)
	}
	o.leaves = atStart
	g := &guarded{path: path, how: file}
	err = g.guard(func() (err error) {
		e, err = attach(path, o, bbolt.Options{OpenFile: g.open})
		return err
	})
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return e, nil
}

// attach opens a file that is there, and whole.
func attach(path string, o Options, how bbolt.Options) (*engine, error) {
	if o.MapSize == 0 {
		o.MapSize = mapped
	}
	if o.Free == nil {
		o.Free = Free
	}
	how.Timeout, how.InitialMmapSize, how.FreelistType, how.NoStatistics = patience, o.MapSize, bbolt.FreelistMapType, true
	err := whole(path, o.leaves)
	var db *bbolt.DB
	if err == nil {
		db, err = bbolt.Open(path, 0o600, &how)
	}
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("opening %s: %w: %w", path, ErrBusy, err)
	}
	var system syscall.Errno
	if err != nil && !errors.As(err, &system) { // bbolt's own: it is no database of its
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &engine{path: path, o: o, db: db, sync: (*bbolt.Tx).Commit}, nil
}

// View implements store.Engine.
func (e *engine) View(ctx context.Context, fn func(store.Tx) error) error {
	return e.snapshot(ctx, func(t *bbolt.Tx) error {
		x := &tx{t: t, alive: ctx.Err}
		defer x.close()
		return fn(x)
	})
}

// snapshot runs fn on what is durable.
func (e *engine) snapshot(ctx context.Context, fn func(*bbolt.Tx) error) error {
	if err := errors.Join(ctx.Err(), e.failure()); err != nil {
		return err
	}
	t, err := e.db.Begin(false)
	if err != nil {
		return fmt.Errorf("beginning a view: %w", err)
	}
	defer func() { _ = t.Rollback() }()
	if err := e.durable(ctx, t.ID()); err != nil {
		return err
	}
	return fn(t)
}

// durable waits until the snapshot id is safe: bbolt shows a commit to readers
// before the last sync of its file.
func (e *engine) durable(ctx context.Context, id int) error {
	g := e.committing.Load()
	if g == nil || g.id != id {
		return nil
	}
	select {
	case <-g.done:
		return e.failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close implements store.Engine.
func (e *engine) Close() error {
	e.turn.take(nil)
	defer e.turn.leave()
	e.end()
	if e.closed {
		return nil
	}
	e.closed = true
	return e.db.Close()
}

// fail stops the engine for ever.
func (e *engine) fail(err error) error {
	err = fmt.Errorf("%w: committing %s: %w", store.ErrUnknown, e.path, err)
	e.failed.Store(&err)
	return err
}

func (e *engine) failure() error {
	if err := e.failed.Load(); err != nil {
		return *err
	}
	return nil
}
