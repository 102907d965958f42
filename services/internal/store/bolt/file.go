package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"
)

// openFile is how bbolt opens its file; nil is the usual way.
type openFile = func(string, int, os.FileMode) (*os.File, error)

// create makes an empty database at path unless there is one. bbolt's very first
// pages are not crash-safe, so the file appears under its name only when it is
// whole. A lock on the folder keeps two processes from doing this at once.
func create(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // ends the lock
	if err := lock(dir); err != nil {
		return fmt.Errorf("locking the folder: %w", err)
	}
	temp := path + ".new"
	if _, err := os.Lstat(temp); err == nil { // a disk that cannot be written to is told of by who needs it
		if err := os.Remove(temp); err != nil {
			return err
		}
	}
	switch info, err := os.Stat(path); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil || info.Size() == 0:
		if err := initialize(temp, path); err != nil {
			return errors.Join(err, os.RemoveAll(temp))
		}
	}
	return dir.Sync()
}

// whole refuses a file that has fewer bytes than its newest state takes, because whoever
// maps it would read behind its end, and one whose pages lead in a circle. It reads the two
// pages that say how many there are, those that lead to others, and what the rest says of itself,
// of at most so many leaves.
func whole(path string, leaves int) (err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: patience, NoStatistics: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }() // also after a panic: it holds a lock
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	return db.View(func(t *bbolt.Tx) error {
		info, err := file.Stat()
		if err == nil && t.Size() > info.Size() {
			err = fmt.Errorf("it has %d of %d bytes", info.Size(), t.Size())
		}
		if err != nil {
			return err
		}
		return follow(t, file, leaves)
	})
}

// initialize writes a whole empty database to temp and moves it to path.
func initialize(temp, path string) error {
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{Timeout: patience})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := fsync(temp); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func fsync(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lock waits for the folder's lock, which is only ever held for a few syncs.
func lock(dir *os.File) error {
	for {
		err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Free returns the bytes that the disk under path has for us.
func Free(path string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}
