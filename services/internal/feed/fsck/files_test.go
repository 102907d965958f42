package fsck

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStrangeFilesAreNamed: whatever lies in an attachment's place, that file is
// wrong, and the check goes on.
func TestStrangeFilesAreNamed(t *testing.T) {
	folder := t.TempDir()
	digest := strings.Repeat("ab", 32)
	path := filepath.Join(folder, place(digest))
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for want, lay := range map[string]func() error{
		"is missing":                         func() error { return nil },
		"is no file":                         func() error { return os.Mkdir(path, 0o700) },
		"is no file, for a pipe":             func() error { return syscall.Mkfifo(path, 0o600) },
		"cannot be read: ":                   func() error { return os.Symlink(path, path) },
		"does not hold what its digest says": func() error { return os.WriteFile(path, []byte("x"), 0o600) },
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := lay(); err != nil {
			t.Fatal(err)
		}
		want, _, _ = strings.Cut(want, ",")
		if got := NewFiles(os.DirFS(folder)).look(digest); !strings.HasPrefix(got, want) {
			t.Errorf("a file that %s %s", want, got)
		}
	}
}
