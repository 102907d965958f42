package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// reason is the stable reason of an error that a child answered.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// TestDiskFull: below the reserve duban still starts and reads, refuses every
// write before it begins, and goes on when there is room again.
func TestDiskFull(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	keys := initialize(t, d)
	l := newLoad(t, d.as(keys), "full")
	d.stop()

	scarce := c
	scarce.Reserve = 1 << 30 // MiB; no disk has as much
	d = boot(t, scarce)
	on := d.as(keys)
	<-l.start(t.Context(), on, writers)
	for _, err := range l.errs {
		if status.Code(err) != codes.ResourceExhausted || reason(err) != "DISK_FULL" || fault.As(serve.FromStatus(err)).Retry != 30*time.Second {
			t.Errorf("a write below the reserve = %v, want RESOURCE_EXHAUSTED, DISK_FULL, to be repeated in half a minute", err)
		}
	}
	if len(l.errs) != writers || len(l.acked) > 0 {
		t.Errorf("%d refused and %d done, want %d and 0", len(l.errs), len(l.acked), writers)
	}
	l.exact(t, on)
	d.stop()

	d = boot(t, c)
	l.repeat(t, d.as(keys))
	d.stop()
	clean(t, c)
}

const (
	// room is how many bytes a child may write beyond those that are in use before
	// a commit fails: several of the largest groups.
	room = 1 << 20

	// ahead is how many bytes a file must be ahead of all others, to reach a limit
	// that all have before they do. An engine makes its file 16 MiB longer at once.
	ahead = 24 << 20
)

// TestCommitFails: when the disk fails under a commit, callers learn that nobody
// knows, and the process ends with status 3, whoever is waiting. The next start
// has every acknowledged write.
func TestCommitFails(t *testing.T) {
	c, keys, l := failing(t)
	file := filepath.Join(c.Data, failingFile)
	ballast(t, file, func(tx store.Tx) error { return tx.Put("ballast", []byte("1"), bytes.Repeat([]byte("b"), ahead)) })
	used := suitetest.OK[[]byte](t)(inUse(file))
	d := boot(t, c, fmt.Sprintf("%s=%d", envFsize, len(used)+room))
	l.fail(t, d, keys, "file too large")
	ballast(t, file, func(tx store.Tx) error { return tx.Delete("ballast", []byte("1")) })
	l.recover(t, c, keys)
}

// TestDiskOverflows is TestCommitFails on a disk that is really full, as when
// somebody else has taken what was held in reserve.
func TestDiskOverflows(t *testing.T) {
	if err := mounting(t); err != nil {
		t.Logf("NOT TESTED on a full disk, only on a limited file (TestCommitFails): no child may mount here: %v", err)
		return
	}
	c, keys, l := failing(t)
	d := boot(t, c, envSmall+"="+filepath.Join(c.Data, failingFile)+":"+t.TempDir())
	l.fail(t, d, keys, "no space left on device")
	l.recover(t, c, keys)
}

// failingFile is of the store whose disk is to fail. Only callers write to it, so
// that it is one of them whose commit fails.
const failingFile = "rectification.db"

// failing returns an installation that does not run, and a load for that store
// alone: were there writes to others, theirs might be the first to fail.
func failing(t *testing.T) (suite.Config, admins, *load) {
	t.Helper()
	c := settings(t.TempDir())
	d := boot(t, c)
	keys := initialize(t, d)
	l := newLoad(t, d.as(keys), "failing")
	l.kinds = []kind{aProblem}
	d.stop()
	return c, keys, l
}

// ballast changes a file that no child uses, beside what the suite keeps in it.
func ballast(t *testing.T, path string, do func(store.Tx) error) {
	t.Helper()
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(engine.Update(t.Context(), do), engine.Close()); err != nil {
		t.Fatal(err)
	}
}

// inUse returns the content of an engine's file without the part at its end that
// nothing was written to yet, but for some pages: the last that is used ends in zeros.
func inUse(path string) ([]byte, error) {
	const pages = 64 << 10
	b, err := os.ReadFile(path)
	written := len(bytes.TrimRight(b, "\x00"))
	return b[:min(len(b), (written/pages+1)*pages)], err
}

// fail writes until the child's disk does not take any more.
func (l *load) fail(t *testing.T, d *child, keys admins, why string) {
	t.Helper()
	waits := d.wait(t, keys)
	<-l.start(t.Context(), d.as(keys), writers)
	d.ends(exitCommit)
	<-waits
	unknown := 0
	for _, err := range l.errs {
		switch {
		case status.Code(err) == codes.Unknown && reason(err) == "OUTCOME_UNKNOWN":
			unknown++
		case status.Code(err) != codes.Unavailable:
			t.Errorf("a write when the disk fails = %v, want UNKNOWN, OUTCOME_UNKNOWN or UNAVAILABLE", err)
		}
	}
	if unknown == 0 || len(l.acked) == 0 {
		t.Errorf("%d acknowledged, %d with unknown outcome; want some of both", len(l.acked), unknown)
	}
	if log := d.log.String(); !strings.Contains(log, failingFile) || !strings.Contains(log, why) {
		t.Errorf("the log does not name the file that failed, and why:\n%s", log)
	}
}

// recover checks that what a failed child left is sound, and goes on with it.
func (l *load) recover(t *testing.T, c suite.Config, keys admins) {
	t.Helper()
	clean(t, c)
	d := boot(t, c)
	on := d.as(keys)
	l.kept(t, on)
	l.repeat(t, on)
	d.stop()
	clean(t, c)
}

// nobody is a user who owns nothing.
const nobody = 65534

// TestReadOnly: duban on data that it may read but not change does not start,
// says which file, and changes nothing; fsck and recount find it sound. Where a child may mount, the disk is
// read-only, else the files are.
func TestReadOnly(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()

	env, why := readOnly(t, c.Data)
	before := files(t, c.Data)
	d = launch(t, c, env...)
	d.ends(exitError)
	if log := d.log.String(); !strings.Contains(log, filepath.Join(c.Data, "organization.db")) || !strings.Contains(log, why) {
		t.Errorf("the error does not name the file and %q:\n%s", why, log)
	}
	for _, command := range []string{"fsck", "recount"} { // as of evidence that is kept so
		cmd := exec.CommandContext(t.Context(), os.Args[0], command, c.Data)
		cmd.Env, cmd.SysProcAttr = append(os.Environ(), append(env, envChild+"=1")...), namespaces(env)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s of what cannot be written to: %v\n%s", command, err, out)
		}
	}
	if diff := cmp.Diff(before, files(t, c.Data)); diff != "" {
		t.Errorf("the data changed (-before +after):\n%s", diff)
	}
}

// readOnly returns the environment in which a child cannot write to folder, and
// what it is told when it tries.
func readOnly(t *testing.T, folder string) (env []string, why string) {
	t.Helper()
	err := mounting(t)
	if err == nil {
		t.Log("on a read-only mount")
		return []string{envReadOnly + "=" + folder}, syscall.EROFS.Error()
	}
	t.Logf("with permissions alone: no child may mount here: %v", err)
	freeze(t, folder)
	if os.Geteuid() == 0 {
		env = []string{fmt.Sprintf("%s=%d", envUser, nobody)} // nothing stops root
	}
	return env, syscall.EACCES.Error()
}

// freeze takes the right to write away from all, and gives that to read to all,
// until the test ends.
func freeze(t *testing.T, folder string) {
	t.Helper()
	reachable(t, filepath.Dir(folder))
	modes := func(file, dir os.FileMode) error {
		return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				return os.Chmod(path, dir)
			}
			return errors.Join(err, os.Chmod(path, file))
		})
	}
	if err := modes(0o444, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := modes(0o600, 0o700); err != nil {
			t.Error(err)
		}
	})
}
