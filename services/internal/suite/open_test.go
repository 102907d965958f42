package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/seed"
)

// TestAFailedStartSaysWhy: whatever Open meets, it answers with an error that
// names it, and leaves nothing open.
func TestAFailedStartSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		spoil    func(folder string) error
		simulate time.Time
		want     string
	}{
		"a cut key":               {func(f string) error { return os.WriteFile(filepath.Join(f, seed.File), []byte("short"), 0o600) }, time.Time{}, seed.File},
		"stores without a key":    {func(f string) error { return os.WriteFile(filepath.Join(f, "campaign.db"), nil, 0o600) }, time.Time{}, seed.File},
		"a file for a folder":     {func(f string) error { return os.WriteFile(filepath.Join(f, "blobs"), nil, 0o600) }, time.Time{}, "blobs"},
		"a real one as simulated": {func(f string) error { return os.WriteFile(filepath.Join(f, "organization.db"), nil, 0o600) }, time.Unix(0, 0), "simulation"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Default()
			o.Data = t.TempDir()
			if err := c.spoil(o.Data); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), o, Options{Out: t.Output(), Now: time.Now, Simulate: c.simulate})
			if s != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open = %v, %v; want an error that names %s", s, err, c.want)
			}
		})
	}
}
