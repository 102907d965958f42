package backup_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/backup"
)

// source serves stores of some sizes from a folder until the test ends.
func source(t *testing.T, sizes map[string]int) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), strings.Repeat("long", 30)) // more than a socket's name may have
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &backup.Source{
		Folder: folder, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Copy: func(_ context.Context, role string, w io.Writer) error {
			_, err := w.Write(bytes.Repeat([]byte{'x'}, sizes[role]))
			return err
		},
	}
	for role := range sizes {
		s.About.Roles = append(s.About.Roles, role)
	}
	l, err := backup.Listen(folder)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.Handler()}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return folder
}

func TestStoresOfEverySize(t *testing.T) {
	sizes := map[string]int{"empty": 0, "small": 1, "even": 1 << 20, "large": 5<<20 + 17}
	o := backup.Order{
		Data: source(t, sizes), To: filepath.Join(t.TempDir(), "backup"), Now: time.Now, Clock: "clock",
		Look: func(context.Context, string, string) (backup.Feed, error) { return backup.Feed{}, nil },
	}
	m, err := o.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Stores {
		if s.Bytes != int64(sizes[s.Role]) {
			t.Errorf("%s has %d bytes, want %d", s.Role, s.Bytes, sizes[s.Role])
		}
	}
}
