package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/duban-project/duban/services/internal/suite"
)

// spoiling is what becomes of a file that should be there.
var spoiling = map[string]func(path string) error{
	"missing":  os.Remove,
	"a folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	"a pipe":   func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
}

// TestAStoreThatIsNotThereIsDamage, to everything that looks at all of them; where there is
// none at all, it is the wrong folder.
func TestAStoreThatIsNotThereIsDamage(t *testing.T) {
	c, to := backedUp(t)
	key := filepath.Join(c.Data, "installation.key")
	for name, spoil := range spoiling {
		t.Run(name, func(t *testing.T) {
			data, from := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
			err := errors.Join(os.CopyFS(data, os.DirFS(c.Data)), os.CopyFS(from, os.DirFS(to)),
				spoil(filepath.Join(data, "complaint.db")), spoil(filepath.Join(from, "event.db")))
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"fsck", data}, {"recount", data}, {"recount", "-below", c.Data, data},
				{"restore", "-key", key, from, filepath.Join(t.TempDir(), "restored")},
			} {
				if err := run(t.Context(), args, t.Output()); exit(err) != exitWrong {
					t.Errorf("duban %v = %v", args, err)
				}
			}
		})
	}
	empty := t.TempDir()
	for _, args := range [][]string{
		{"fsck", empty}, {"recount", empty}, {"recount", "-below", c.Data, empty},
		{"era", "-reason", "x", "-approvers", bothOfThem, empty},
	} {
		if err := run(t.Context(), args, t.Output()); exit(err) != exitConfig {
			t.Errorf("duban %v of nothing = %v", args, err)
		}
	}
}

// TestWhatIsNoFileIsNotWaitedFor: a pipe or a folder in the place of a small file beside the
// stores is damage, named with its path.
func TestWhatIsNoFileIsNotWaitedFor(t *testing.T) {
	c, to := backedUp(t)
	key := filepath.Join(c.Data, "installation.key")
	for name, spoil := range spoiling {
		for _, file := range []string{"installation.key", noted, "simulated-time"} {
			if name == "missing" {
				continue
			}
			data := filepath.Join(t.TempDir(), "data")
			path := filepath.Join(data, file)
			err := errors.Join(os.CopyFS(data, os.DirFS(c.Data)), os.WriteFile(path, nil, 0o600), spoil(path))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err = run(t.Context(), []string{"fsck", data}, &out)
			if exit(err) != exitWrong || !strings.Contains(out.String()+err.Error(), path+": it is no regular file") {
				t.Errorf("fsck with %s in the place of %s = %v:\n%s", name, file, err, &out)
			}
		}
		from := filepath.Join(t.TempDir(), "backup")
		if err := errors.Join(os.CopyFS(from, os.DirFS(to)), spoil(filepath.Join(from, "manifest.json"))); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), []string{"restore", "-key", key, from, filepath.Join(t.TempDir(), "restored")}, t.Output()); err == nil || name != "missing" && exit(err) != exitWrong {
			t.Errorf("restore with %s in the place of the manifest = %v", name, err)
		}
	}
}

// TestAManifestIsReadWhole, or it is said why not: one of a later program is another version,
// and what this one does not know is not passed over.
func TestAManifestIsReadWhole(t *testing.T) {
	c, to := backedUp(t)
	key := filepath.Join(c.Data, "installation.key")
	for name, tt := range map[string]struct {
		old, new string
		want     int
		says     string
	}{
		"later":       {`"format": 1`, `"format": 2, "more": {}`, exitVersion, "its format is 2, and this program knows up to 1: run a newer one"},
		"never":       {`"format": 1`, `"format": 0`, exitWrong, "its format is 0, which no program writes"},
		"garbage":     {`{`, `x`, exitWrong, "cannot be read"},
		"another key": {`"format": 1`, `"format": 1, "more": 1`, exitWrong, `cannot be read: json: unknown field "more"`},
	} {
		t.Run(name, func(t *testing.T) {
			from := filepath.Join(t.TempDir(), "backup")
			if err := os.CopyFS(from, os.DirFS(to)); err != nil {
				t.Fatal(err)
			}
			replace("manifest.json", tt.old, tt.new)(t, from)
			err := run(t.Context(), []string{"restore", "-key", key, from, filepath.Join(t.TempDir(), "restored")}, t.Output())
			if exit(err) != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("restore = %v, want …%s…", err, tt.says)
			}
		})
	}
}

// TestNoLogIsInAnEraIfOneCannotBeNoted: an era that is refused has signed nothing.
func TestNoLogIsInAnEraIfOneCannotBeNoted(t *testing.T) {
	c, _ := backedUp(t)
	for name, spoil := range map[string]func(path string) error{
		"damaged":        func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"a folder":       spoiling["a folder"],
		"not replaced":   func(path string) error { return os.Mkdir(path+".new", 0o700) },
		"not to be made": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path+".new", 0o700)) },
	} {
		data := filepath.Join(t.TempDir(), "data")
		split := filepath.Join(t.TempDir(), "split") // where one of several folders is so
		keys := filepath.Join(split, "keys")
		err := errors.Join(os.CopyFS(data, os.DirFS(c.Data)), spoil(filepath.Join(data, noted)), os.CopyFS(keys, os.DirFS(c.Data)))
		for _, role := range suite.Called() {
			err = errors.Join(err, os.Mkdir(filepath.Join(split, role), 0o700), os.Rename(filepath.Join(keys, role+".db"), filepath.Join(split, role, role+".db")))
		}
		for _, role := range suite.Called() { // what remains of the keys' folder has no stores
			err = errors.Join(err, os.CopyFS(filepath.Join(split, role), os.DirFS(keys)))
		}
		if err := errors.Join(err, spoil(filepath.Join(split, "rectification", noted))); err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{data, split} {
			was := files(t, folder)
			err := run(t.Context(), []string{"era", "-reason", "x", "-approvers", bothOfThem, folder}, t.Output())
			if err == nil || !strings.Contains(err.Error(), noted) {
				t.Errorf("%s: era = %v", name, err)
			}
			for path, is := range files(t, folder) {
				if strings.HasSuffix(path, ".db") && was[path] != is {
					t.Errorf("%s: %s was written to", name, path)
				}
			}
		}
	}
}
