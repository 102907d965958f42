package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestDataOfAnotherClock: where the mark of a simulation is gone, was put there or is
// damaged, or a store says another clock than the rest, fsck says so, and a start ends with
// the status after which none is tried again; both say which file it is about, and what to do.
func TestDataOfAnotherClock(t *testing.T) {
	c := settings(t.TempDir()) // a simulation
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	fsckSays(t, nil, c.Data)
	written := func(role string, by byte) func(data string) error {
		return func(data string) error {
			put(t, filepath.Join(data, role+".db"), "store", "simulated", []byte{by})
			return nil
		}
	}
	all := func(data string) error {
		stores, err := filepath.Glob(filepath.Join(data, "*.db"))
		for _, path := range stores {
			put(t, path, "store", "simulated", []byte{0})
		}
		return err
	}
	for name, x := range map[string]struct {
		spoil       func(data string) error
		wrong       int // stores
		fsck, start string
	}{
		"no mark":              {func(data string) error { return os.Remove(filepath.Join(data, clock.Mark)) }, len(suite.Called()), "put it back from the backup", "put it back from the backup"},
		"a mark beside others": {all, len(suite.Called()), "take it away if it was put beside", "take it away if it was put beside"},
		"a mark without time":  {func(data string) error { return os.WriteFile(filepath.Join(data, clock.Mark), []byte("x\n"), 0o600) }, len(suite.Called()), "has no time (RFC 3339)", "has no time (RFC 3339)"},
		"none says": {func(data string) error {
			stores, err := filepath.Glob(filepath.Join(data, "*.db"))
			for _, path := range stores {
				lose(t, path, "store") // what it says of its clock
			}
			return errors.Join(err, os.Remove(filepath.Join(data, clock.Mark)))
		}, len(suite.Called()), "nobody knows by which", "nobody knows by which"},
		"one does not say":   {func(data string) error { lose(t, filepath.Join(data, "event.db"), "store"); return nil }, 1, "nobody knows by which", "event: "},
		"one store":          {written("campaign", 0), 1, "restore the backup", "campaign: "},
		"one that says none": {written("event", 7), 1, "it says 07", "event: "},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := errors.Join(os.CopyFS(data, os.DirFS(c.Data)), x.spoil(data)); err != nil {
				t.Fatal(err)
			}
			mark := filepath.Join(data, clock.Mark)
			told := fsckSays(t, errWrong, data)
			if strings.Count(told, " 1 wrong\n") != x.wrong || strings.Count(told, mark) != x.wrong || !strings.Contains(told, x.fsck) {
				t.Errorf("fsck said:\n%s", told)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
			defer cancel()
			err := run(ctx, []string{"standalone", "-config", file(t, settings(data))}, t.Output())
			if exit(err) != exitWrong || !strings.Contains(err.Error(), mark) || !strings.Contains(err.Error(), x.start) {
				t.Errorf("a start = %v", err)
			}
			err = run(t.Context(), []string{"era", "-reason", "x", "-approvers", bothOfThem, data}, t.Output())
			if exit(err) != exitWrong || !strings.Contains(err.Error(), mark) {
				t.Errorf("a new era = %v", err)
			}
		})
	}

	// A command that would make one of real data a simulation is wrong itself.
	real := filepath.Join(t.TempDir(), "data")
	if err := errors.Join(os.CopyFS(real, os.DirFS(c.Data)), os.Remove(filepath.Join(real, clock.Mark)), all(real)); err != nil {
		t.Fatal(err)
	}
	fsckSays(t, nil, real)
	if err := run(t.Context(), []string{"standalone", "-config", file(t, settings(real)), "-simulate", "2026-02-09T01:00:00Z"}, t.Output()); exit(err) != exitConfig {
		t.Errorf("-simulate on real data = %v", err)
	}

	// Of several processes one is of another clock than the rest, as its folder says too.
	split := t.TempDir()
	stores, err := filepath.Glob(filepath.Join(c.Data, "*.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stores {
		role := strings.TrimSuffix(filepath.Base(path), ".db")
		if err := os.CopyFS(filepath.Join(split, role), os.DirFS(c.Data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(split, "keys"), os.DirFS(c.Data)); err != nil {
		t.Fatal(err)
	}
	fsckSays(t, nil, split)
	if err := errors.Join(os.Remove(filepath.Join(split, "campaign", clock.Mark)), written("campaign", 0)(filepath.Join(split, "campaign"))); err != nil {
		t.Fatal(err)
	}
	if told := fsckSays(t, errWrong, split); strings.Count(told, " 1 wrong\n") != 1 || !strings.Contains(told, "the store of organization is by the other") {
		t.Errorf("fsck of several folders said:\n%s", told)
	}
}
