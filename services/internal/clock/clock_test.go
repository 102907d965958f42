package clock_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/clock"
)

var (
	first = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	real  = func() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }
)

func open(t *testing.T, folder string, start time.Time) *clock.Clock {
	t.Helper()
	c, err := clock.Open(folder, start, real)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestASimulationStaysOne(t *testing.T) {
	folder := t.TempDir()
	c := open(t, folder, first)
	if err := c.Set(first.AddDate(0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	again := open(t, folder, time.Time{})
	if !again.Simulated() || !again.Now().Equal(first.AddDate(0, 1, 0)) {
		t.Errorf("after a start without the flag: simulated %v at %v", again.Simulated(), again.Now())
	}
	if err := again.Set(first); err == nil {
		t.Error("time went backwards")
	}
}

func TestRealTimeCannotBeSet(t *testing.T) {
	c := open(t, t.TempDir(), time.Time{})
	if c.Simulated() || !c.Now().Equal(real()) {
		t.Errorf("simulated %v at %v", c.Simulated(), c.Now())
	}
	if err := c.Set(first); err == nil {
		t.Error("real time was set")
	}
}

func TestAnInstallationDoesNotBecomeASimulation(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "organization.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := clock.Open(folder, first, real); err == nil {
		t.Error("a running installation was turned into a simulation")
	}
}
