package suite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
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

// TestDataStayWithTheirClock: data of real time are opened by no clock that is set, nor those
// of a simulation in real time, also where the mark in the folder says so.
func TestDataStayWithTheirClock(t *testing.T) {
	for name, c := range map[string]struct {
		first time.Time
		turn  func(mark string) error
	}{
		"real":       {time.Time{}, func(mark string) error { return os.WriteFile(mark, []byte("2026-03-03T02:00:00Z"), 0o600) }},
		"simulation": {time.Unix(1772000000, 0), os.Remove},
	} {
		t.Run(name, func(t *testing.T) {
			o := Default()
			o.Data = t.TempDir()
			s, err := Open(t.Context(), o, Options{Out: t.Output(), Now: time.Now, Simulate: c.first})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.Close(), c.turn(filepath.Join(o.Data, clock.Mark))); err != nil {
				t.Fatal(err)
			}
			if s, err := Open(t.Context(), o, Options{Out: t.Output(), Now: time.Now}); !errors.Is(err, store.ErrOtherTime) {
				t.Errorf("Open = %v, %v", s, err)
			}
		})
	}
}
