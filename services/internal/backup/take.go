package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/duban-project/duban/services/internal/durable"
)

// Order asks for a backup.
type Order struct {
	// Data is the folder of the running process.
	Data string
	// To is the new folder of the backup. It appears under this name only when it
	// is whole.
	To  string
	Now func() time.Time
	// Look reads what the copy of a store says of itself.
	Look func(ctx context.Context, role, path string) (Feed, error)
	// Clock is the file in Data that holds the time of a simulation.
	Clock string
}

// Take makes the backup. What an earlier one left that did not end is removed.
func (o Order) Take(ctx context.Context) (m Manifest, err error) {
	if _, err := os.Lstat(o.To); !errors.Is(err, fs.ErrNotExist) {
		return m, errors.Join(fmt.Errorf("%s is there already: a backup is a new folder", o.To), err)
	}
	if err := apart(o.To, o.Data); err != nil {
		return m, err
	}
	folder, end, err := unfinished(o.To)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if m, err = o.fill(ctx, folder); err != nil {
		return m, err
	}
	if err := os.Rename(folder, o.To); err != nil {
		return m, err
	}
	return m, durable.Sync(filepath.Dir(o.To))
}

// apart refuses a place in the data folder, which a copy is to outlive.
func apart(to, data string) error {
	data, err := filepath.EvalSymlinks(data)
	if err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	is, err := os.Stat(data)
	if err != nil {
		return err
	}
	above, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	for above != filepath.Dir(above) {
		above = filepath.Dir(above)
		if at, err := os.Stat(above); err == nil && os.SameFile(at, is) {
			return fmt.Errorf("%s lies in the data folder %s: what is lost with it is no backup", to, data)
		}
		if real, err := filepath.EvalSymlinks(above); err == nil {
			above = real
		}
	}
	return nil
}

// lockFile is held in a folder while a backup is made in it.
const lockFile = "unfinished"

// unfinished makes an empty folder beside the one that there is to be, for one
// backup at a time; end removes it, if it is still there.
func unfinished(to string) (folder string, end func() error, err error) {
	folder = filepath.Clean(to) + ".unfinished"
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, err
	}
	f, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return "", nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return "", nil, errors.Join(fmt.Errorf("another backup is being made in %s: %w", folder, err), f.Close())
	}
	end = func() error { return errors.Join(os.RemoveAll(folder), f.Close()) }
	return folder, end, empty(folder, lockFile)
}

// empty removes what a folder holds, but for one file.
func empty(folder, but string) error {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if e.Name() != but {
			err = errors.Join(err, os.RemoveAll(filepath.Join(folder, e.Name())))
		}
	}
	return err
}

// fill copies the stores, and after them the files, which were there before any
// record that names them.
func (o Order) fill(ctx context.Context, folder string) (m Manifest, err error) {
	p := reach(o.Data)
	m = Manifest{Format: format, Begun: o.Now()}
	if m.About, err = p.about(ctx); err != nil {
		return m, fmt.Errorf("asking the process whose data are in %s: %w", o.Data, err)
	}
	for _, role := range m.Roles {
		s, err := o.store(ctx, p, role, filepath.Join(folder, role+".db"))
		if err != nil {
			return m, fmt.Errorf("%s: %w", role, err)
		}
		m.Stores = append(m.Stores, s)
	}
	if m.Files, err = copyFiles(ctx, filepath.Join(o.Data, filesFolder), filepath.Join(folder, filesFolder)); err != nil {
		return m, err
	}
	if m.Simulated, err = text(filepath.Join(o.Data, o.Clock)); err != nil {
		return m, err
	}
	m.Ended = o.Now()
	return m, errors.Join(os.Remove(filepath.Join(folder, lockFile)), m.write(folder))
}

// text reads a small file, "" if there is none.
func text(path string) (string, error) {
	b, err := durable.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// store takes a copy over.
func (o Order) store(ctx context.Context, p peer, role, path string) (s Store, err error) {
	res, err := p.get(ctx, "/stores/"+role)
	if err != nil {
		return s, err
	}
	s = Store{Role: role, SHA256: res.Header.Get(digestHeader)}
	s.Bytes, err = keep(path, res.Body, s.SHA256)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return s, err
	}
	s.Feed, err = o.Look(ctx, role, path)
	return s, err
}

// keep writes a file that must have the digest; once it has returned, the file is
// on disk, if not its name.
func keep(path string, from io.Reader, digest string) (n int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	sum := sha256.New()
	n, err = io.Copy(io.MultiWriter(f, sum), from)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return n, fmt.Errorf("writing %s: %w", path, err)
	}
	if digestOf(sum) != digest {
		return n, fmt.Errorf("%w: %s does not have its digest", ErrBroken, filepath.Base(path))
	}
	return n, nil
}

func digestOf(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil)) }
