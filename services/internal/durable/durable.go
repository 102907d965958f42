// Package durable writes small files so that a crash or a power cut leaves the
// old content or the new, never half of one, and reads them. Databases and files kept by their
// content have their own ways, because they have more to keep.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrIrregular says that a folder, a pipe or the like is where a file should be.
var ErrIrregular = errors.New("it is no regular file")

// ReadFile reads a file, fs.ErrNotExist if there is none. What is none it does not open, because
// to read a pipe would wait for ever: that is an ErrIrregular.
func ReadFile(path string) ([]byte, error) {
	if err := Regular(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Regular is nil if there is a file at path, else fs.ErrNotExist or ErrIrregular.
func Regular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, ErrIrregular)
	}
	return err
}

// WriteFile replaces the file at path, readable by its owner alone. It returns
// when both the content and its name are on disk.
func WriteFile(path string, b []byte) error {
	if err := write(path+".new", b); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return Sync(filepath.Dir(path))
}

// Sync returns when the names in the folder are on disk.
func Sync(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", folder, err)
	}
	return errors.Join(f.Sync(), f.Close())
}

func write(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}
