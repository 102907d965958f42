package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
)

// ErrDamaged says that a file is not, or no longer, a database: its pages are not
// what they should be. Only a backup helps.
var ErrDamaged = errors.New("the file itself is damaged")

// ErrBusy says that a file cannot be opened because it is open elsewhere.
var ErrBusy = errors.New("another process holds it")

// Inspect opens the file at path, which MUST be there, for a check of data that
// nobody uses, and looks at how its pages lead to each other. Where a damaged page makes bbolt panic, or the memory that the file
// is mapped into fault, its engine answers ErrDamaged with the name of the file;
// it is to be closed then and not used any more. It writes nothing, also not to the
// folder: the file may be on a disk that only lets it be read. Its Update fails.
func Inspect(path string) (store.Engine, error) { return inspect(path, true) }

// Mend is Inspect for who also writes.
func Mend(path string) (store.Engine, error) { return inspect(path, false) }

func inspect(path string, reading bool) (store.Engine, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	g := &guarded{path: path, reading: reading, how: os.OpenFile}
	if info.Size() == 0 { // which bbolt would make a new one of
		return nil, g.damage("it is empty")
	}
	if err = g.guard(g.begin); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func (g *guarded) begin() error {
	e, err := attach(g.path, Options{}, bbolt.Options{OpenFile: g.open, ReadOnly: g.reading})
	if err != nil {
		return err
	}
	g.Engine = e
	return nil
}

// guarded turns what a damaged file does to its readers into an error.
type guarded struct {
	store.Engine
	path    string
	reading bool
	how     openFile
	file    *os.File
	damaged bool
}

// open keeps the file, whose lock ends with it.
func (g *guarded) open(name string, flag int, mode os.FileMode) (file *os.File, err error) {
	g.file, err = g.how(name, flag, mode)
	return g.file, err
}

// View implements store.Engine.
func (g *guarded) View(ctx context.Context, fn func(store.Tx) error) error {
	return g.guard(func() error { return g.Engine.View(ctx, fn) })
}

// Update implements store.Engine.
func (g *guarded) Update(ctx context.Context, fn func(store.Tx) error) error {
	return g.guard(func() error { return g.Engine.Update(ctx, fn) })
}

// Close implements store.Engine. After a panic locks inside bbolt may be held
// for ever, so that only the file is closed.
func (g *guarded) Close() error {
	switch {
	case !g.damaged && g.Engine != nil:
		return g.Engine.Close()
	case g.damaged && g.file != nil:
		// The file stays mapped, and would keep its lock.
		return errors.Join(syscall.Flock(int(g.file.Fd()), syscall.LOCK_UN), g.file.Close())
	default:
		return nil
	}
}

// Guard runs do, which reads an engine of the file at path, and answers ErrDamaged
// where Inspect's engine would.
func Guard(path string, do func() error) error { return (&guarded{path: path}).guard(do) }

// guard runs do in this goroutine, in which alone a fault becomes a panic.
func (g *guarded) guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = g.damage(p)
		}
	}()
	return do()
}

func (g *guarded) damage(what any) error {
	g.damaged = true
	if _, fault := what.(runtime.Error); fault {
		what = "one of its pages leads nowhere"
	}
	return fmt.Errorf("%s: %w: %v", g.path, ErrDamaged, what)
}
