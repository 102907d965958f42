package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestWhatLiesBesideTheStores: where the note of how long logs have been says more than a log
// has or is damaged, fsck says so, and where the key is damaged or missing, a start ends with a
// status after which none is tried again, and names the file.
func TestWhatLiesBesideTheStores(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	origin := c.Origin("organization", 1)
	for name, x := range map[string]struct {
		file, text  string // "" is none
		fsck, start int
		says        string // of fsck
	}{
		"longer":            {noted, `{"` + origin + `": 1048576}`, exitWrong, exitOK, "it had 1048576 entries, and has "},
		"a later era":       {noted, `{"` + c.Origin("organization", 7) + `": 1}`, exitWrong, exitOK, "it is in the era 1, and was in 7"},
		"the same":          {noted, `{"` + origin + `": 1}`, exitOK, exitOK, ""},
		"half a note":       {noted, `{"` + origin, exitWrong, exitWrong, noted + ": the note of how long the logs have been is damaged"},
		"a note of nothing": {noted, `null`, exitWrong, exitWrong, noted + ": the note of how long the logs have been is damaged"},
		"half a key":        {"installation.key", "x", exitWrong, exitWrong, ""},
		"no key":            {"installation.key", "", exitConfig, exitConfig, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			path := filepath.Join(data, x.file)
			err := errors.Join(os.CopyFS(data, os.DirFS(c.Data)), os.Remove(path))
			if x.text != "" {
				err = errors.Join(err, os.WriteFile(path, []byte(x.text), 0o600))
			}
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err = run(t.Context(), []string{"fsck", data}, &out)
			if exit(err) != x.fsck || !strings.Contains(out.String(), x.says) {
				t.Errorf("fsck = %v:\n%s", err, &out)
			}
			if x.start == exitOK {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
			defer cancel()
			err = run(ctx, []string{"standalone", "-config", file(t, settings(data))}, t.Output())
			if exit(err) != x.start || !strings.Contains(err.Error(), path) {
				t.Errorf("a start = %v", err)
			}
		})
	}

	// Of several processes each has a note of its own.
	split := t.TempDir()
	for _, role := range suite.Called() {
		if err := os.CopyFS(filepath.Join(split, role), os.DirFS(c.Data)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.CopyFS(filepath.Join(split, "keys"), os.DirFS(c.Data)),
		os.WriteFile(filepath.Join(split, "organization", noted), []byte(`{"`+origin+`": 1048576}`), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if told := fsckSays(t, errWrong, split); strings.Count(told, " 1 wrong\n") != 1 || !strings.Contains(told, "it had 1048576 entries") {
		t.Errorf("fsck of several folders said:\n%s", told)
	}
}

// TestFsckOutlivesAnotherVersion: a store of another version is a finding, and the others are
// checked all the same; the status says a version if nothing else is wrong.
func TestFsckOutlivesAnotherVersion(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	if err := run(t.Context(), []string{"fsck", c.Data}, t.Output()); exit(err) != exitConfig {
		t.Errorf("fsck of what runs = %v", err)
	}
	d.stop()
	for _, command := range []string{"fsck", "recount"} {
		if err := run(t.Context(), []string{command, filepath.Join(c.Data, "none")}, t.Output()); exit(err) != exitConfig {
			t.Errorf("%s of nothing = %v", command, err)
		}
	}
	put(t, filepath.Join(c.Data, "complaint.db"), store.VersionBucket, "version", store.Number(1<<40))
	told := fsckSays(t, store.ErrVersion, c.Data)
	if strings.Count(told, " 1 wrong\n") != 1 || strings.Count(told, " 0 wrong\n") != len(suite.Called())-1 {
		t.Errorf("fsck said:\n%s", told)
	}
	if err := run(t.Context(), []string{"fsck", c.Data}, t.Output()); exit(err) != exitVersion {
		t.Errorf("fsck = %v", err)
	}
	plant(t, filepath.Join(c.Data, "rectification.db"), "rectification.cursors", "campaign.issued")
	told = fsckSays(t, errWrong, c.Data)
	if strings.Count(told, " 1 wrong\n") != 2 {
		t.Errorf("fsck said:\n%s", told)
	}
}

// TestFsckHoldsTheFormOfWhatIsBeside: a row that no service writes is named wherever the
// form of a bucket's rows is known.
func TestFsckHoldsTheFormOfWhatIsBeside(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	fsckSays(t, nil, c.Data)
	for role, buckets := range map[string][]string{
		"organization": {"key.digests", "bootstrap.unshown", "key.uses", "store"},
		"evaluation":   {"ballot.peppers", "ballot.codes", "ballot.waiting"},
		"event":        {"event.head"}, "campaign": {"campaign.calendar"}, "rectification": {"rectification.calendar", "store"},
		"complaint": {"complaint.calendar", "complaint.orders"},
	} {
		path := filepath.Join(c.Data, role+".db")
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, bucket := range buckets {
			plant(t, path, bucket, "x")
			if told := fsckSays(t, errWrong, c.Data); !strings.Contains(told, "first: "+bucket+` has under "x" what `) || strings.Count(told, " 1 wrong\n") != 1 {
				t.Errorf("%s: fsck said:\n%s", bucket, told)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
