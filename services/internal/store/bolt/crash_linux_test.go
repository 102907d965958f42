package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
)

const (
	envWriter = "DUBAN_TEST_WRITER" // write to the engine at this path, and say what was answered

	writers, writes = 4, 12
	crashes         = 150
)

// TestMain makes the test binary the process whose disk is watched.
func TestMain(m *testing.M) {
	path := os.Getenv(envWriter)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := writeAll(path); err != nil {
		fmt.Fprintln(os.Stderr, "writing:", err)
		os.Exit(1)
	}
}

// writeAll writes from several goroutines and says on standard output, a key a
// write, what the engine has answered.
func writeAll(path string) error {
	e, err := Open(path, Options{MapSize: 1 << 16})
	if err != nil {
		return err
	}
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range writes {
				errs[w] = errors.Join(errs[w], writeOne(e, fmt.Sprintf("writer %d, %d", w, n)))
			}
		})
	}
	wg.Wait()
	return errors.Join(errors.Join(errs...), e.Close())
}

func writeOne(e store.Engine, key string) error {
	err := e.Update(context.Background(), func(tx store.Tx) error {
		return tx.Put("b", []byte(key), bytes.Repeat([]byte(key), 200))
	})
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(key)
	return err
}

// An effect is one thing that the engine did to its disk, or said.
type effect struct {
	file *file // that was written to, cut or synced; nil for the folder
	data []byte
	at   int64 // where data were written, or how long the file is now

	do       verb
	from, to string // names in the folder
	before   int    // a sync: it holds for what was done before that many effects
}

type verb int

const (
	wrote verb = iota
	cut
	named   // made or renamed
	removed // a name
	synced
	said
)

// file stands for one, whatever its name is.
type file struct{ name string }

// disk records what a process does to one folder.
type disk struct {
	tracer
	folder  string
	open    map[uint64]*file // by descriptor; nil is the folder
	files   map[string]*file // by name
	effects []effect
	pending map[int]effect // by thread, within a system call
}

func record(folder string) (*disk, error) {
	d := &disk{folder: folder, open: map[uint64]*file{}, files: map[string]*file{}, pending: map[int]effect{}}
	d.enter, d.leave = d.entering, d.leaving
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envWriter+"="+filepath.Join(folder, "db"))
	cmd.Stderr = os.Stderr
	return d, d.run(cmd)
}

// entering notes what memory holds now and may not hold later.
func (d *disk) entering(thread int, c systemCall) (err error) {
	f, ours := d.open[c.args[0]]
	e := effect{file: f, before: len(d.effects)}
	switch c.nr {
	case syscall.SYS_PWRITE64:
		if ours {
			e.data, err = d.bytes(c.args[1], c.args[2])
		}
	case syscall.SYS_WRITE:
		switch {
		case ours:
			return errors.New("the engine writes in a way that is not watched")
		case c.args[0] == 1: // what was answered is known from now on
			e.do = said
			e.data, err = d.bytes(c.args[1], c.args[2])
			d.effects = append(d.effects, e)
		}
	case syscall.SYS_OPENAT, syscall.SYS_UNLINKAT:
		e.to, err = d.text(c.args[1])
	case syscall.SYS_RENAMEAT:
		if e.from, err = d.text(c.args[1]); err == nil {
			e.to, err = d.text(c.args[3])
		}
	}
	d.pending[thread] = e
	return err
}

// leaving notes what has happened, if it has.
func (d *disk) leaving(thread int, c systemCall, result int64) error {
	e, fd := d.pending[thread], c.args[0]
	_, ours := d.open[fd]
	switch {
	case result < 0:
	case c.nr == syscall.SYS_OPENAT:
		d.opened(uint64(result), e.to)
	case c.nr == syscall.SYS_RENAMEAT && d.inside(e.to):
		e.do, e.file = named, d.files[e.from]
		d.files[e.to] = e.file
		delete(d.files, e.from)
		d.effects = append(d.effects, e)
	case c.nr == syscall.SYS_UNLINKAT && d.inside(e.to):
		e.do = removed
		delete(d.files, e.to)
		d.effects = append(d.effects, e)
	case !ours:
	case c.nr == syscall.SYS_CLOSE:
		delete(d.open, fd)
	case c.nr == syscall.SYS_PWRITE64:
		e.at, e.data = int64(c.args[3]), e.data[:result]
		d.effects = append(d.effects, e)
	case c.nr == syscall.SYS_FTRUNCATE:
		e.do, e.at = cut, int64(c.args[1])
		d.effects = append(d.effects, e)
	case c.nr == syscall.SYS_FSYNC || c.nr == syscall.SYS_FDATASYNC:
		e.do = synced
		d.effects = append(d.effects, e)
	}
	return nil
}

func (d *disk) inside(path string) bool { return filepath.Dir(path) == d.folder }

// opened notes a descriptor. A name that is new is an effect on the folder.
func (d *disk) opened(fd uint64, path string) {
	delete(d.open, fd)
	switch {
	case path == d.folder:
		d.open[fd] = nil
	case d.inside(path):
		if d.files[path] == nil {
			d.files[path] = &file{path}
			d.effects = append(d.effects, effect{do: named, file: d.files[path], to: path})
		}
		d.open[fd] = d.files[path]
	}
}

// after returns what the disk may hold if the power goes after n effects, by
// name, and what was answered by then. What a sync covers is there; of what
// came later, luck decides, for names in their order and for data in any.
func (d *disk) after(n int, luck func() bool) (held map[string][]byte, answers []string) {
	covered := map[*file]int{}
	for _, e := range d.effects[:n] {
		if e.do == synced {
			covered[e.file] = e.before
		}
	}
	names, content, lost := map[string]*file{}, map[*file][]byte{}, false
	for i, e := range d.effects[:n] {
		switch e.do {
		case said:
			answers = append(answers, string(e.data))
		case named, removed:
			if lost = lost || i >= covered[nil] && !luck(); lost {
				continue
			}
			delete(names, e.from)
			delete(names, e.to)
			if e.do == named {
				names[e.to] = e.file
			}
		case wrote, cut:
			if i < covered[e.file] || luck() {
				content[e.file] = e.apply(content[e.file], i < covered[e.file] || luck())
			}
		}
	}
	held = map[string][]byte{}
	for name, f := range names {
		held[name] = content[f]
	}
	return held, answers
}

// apply does the effect to a file's content; a write that is not whole stops at
// a sector.
func (e effect) apply(content []byte, whole bool) []byte {
	if e.do == cut {
		return append(content[:min(len(content), int(e.at))], make([]byte, max(0, int(e.at)-len(content)))...)
	}
	data := e.data
	if !whole {
		data = data[:len(data)/1024*512]
	}
	end := int(e.at) + len(data)
	content = append(content, make([]byte, max(0, end-len(content)))...)
	copy(content[e.at:], data)
	return content
}

// TestOnlyWhatWasSynced cuts the power: of what the engine writes, only what it
// has synced is sure to be there. Everything answered must be in it, and the
// file sound, wherever the cut falls. kill -9 cannot show this, for the system
// keeps what a killed process wrote.
func TestOnlyWhatWasSynced(t *testing.T) {
	folder := t.TempDir()
	d, err := record(folder)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSYS) {
		t.Logf("NOT TESTED: nobody may trace a process here: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	d.faithful(t)
	seed := rand.Uint64()
	t.Logf("seed %d, %d effects", seed, len(d.effects))
	r := rand.New(rand.NewPCG(seed, 0))
	for range crashes {
		n := r.IntN(len(d.effects) + 1)
		odds := r.IntN(5) // from nothing to all of what was not synced
		held, answers := d.after(n, func() bool { return r.IntN(4) < odds })
		survives(t, n, held, answers)
		if t.Failed() {
			return
		}
	}
}

// faithful checks that what was recorded is all that happened.
func (d *disk) faithful(t *testing.T) {
	t.Helper()
	held, answers := d.after(len(d.effects), func() bool { return true })
	if len(answers) != writers*writes {
		t.Errorf("%d answers were seen, want %d", len(answers), writers*writes)
	}
	real := filepath.Join(d.folder, "db")
	b, err := os.ReadFile(real)
	if names := slices.Collect(maps.Keys(held)); err != nil || !slices.Equal(names, []string{real}) || !bytes.Equal(b, held[real]) {
		t.Fatalf("the record is not what the disk holds: %q, %v", names, err)
	}
}

// survives opens what is left and looks for what was answered.
func survives(t *testing.T, n int, held map[string][]byte, answers []string) {
	t.Helper()
	folder := t.TempDir()
	for name, content := range held {
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(name)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := open(filepath.Join(folder, "db"), Options{MapSize: 1 << 16}, os.OpenFile)
	if err != nil {
		t.Errorf("after %d effects: %v", n, err)
		return
	}
	err = e.View(t.Context(), func(shared store.Tx) error {
		for _, key := range answers {
			if v, err := shared.Get("b", []byte(key)); err != nil || !strings.HasPrefix(string(v), key) {
				t.Errorf("after %d effects: %s was answered and is lost: %v", n, key, err)
			}
		}
		for err := range shared.(*tx).t.Check() {
			t.Errorf("after %d effects: %v", n, err)
		}
		return nil
	})
	if err := errors.Join(err, e.Close()); err != nil {
		t.Errorf("after %d effects: %v", n, err)
	}
}
