// Package durable writes small files so that a crash or a power cut leaves the
// old content or the new, never half of one. Databases and files kept by their
// content have their own ways, because they have more to keep.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

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
