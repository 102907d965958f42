package suitetest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Kept copies files, such as stores that nobody has open, and returns how to put them
// back as they were. The copies are made by the system: in memory, the race detector
// would look at every byte of files that are nearly empty.
func Kept(t testing.TB, files ...string) (restore func()) {
	t.Helper()
	folder := t.TempDir()
	kept := func(file string) string { return filepath.Join(folder, filepath.Base(file)) }
	for _, file := range files {
		copied(t, kept(file), file)
	}
	return func() {
		t.Helper()
		for _, file := range files {
			copied(t, file, kept(file))
		}
	}
}

func copied(t testing.TB, to, from string) {
	t.Helper()
	r, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = io.Copy(w, r)
		err = errors.Join(err, w.Close())
	}
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
}
