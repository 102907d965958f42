package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/suite"
)

// pageSize is that of the machine, which bbolt's pages have.
var pageSize = os.Getpagesize()

// TestADamagedFileIsNamed: whatever happened to the file of a role, fsck names it with
// status 20 and goes on to the last role, and so does recount, as far as it needs the
// file. A start refuses it with status 20, and names the role too.
func TestADamagedFileIsNamed(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":            func([]byte) []byte { return nil },
		"cut in a page":    func(b []byte) []byte { return b[:pageSize/2] },
		"cut among pages":  func(b []byte) []byte { return b[:8*pageSize] },
		"cut after meta":   func(b []byte) []byte { return b[:2*pageSize] },
		"zeroed meta":      zero(0, 2),
		"zeroed pages":     zero(2, 1<<20),
		"flipped flags":    flip(8, 0xff),
		"flipped page ids": flip(0, 0xff),
		"flipped counts":   flip(10, 0xff),
		"in a circle":      circle,
		"a lost version":   nowhere("simulated"),
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(data, os.DirFS(c.Data)); err != nil {
				t.Fatal(err)
			}
			spoil(t, filepath.Join(data, "organization.db"), damage)
			for _, told := range []string{fsckSays(t, errWrong, data), fsckSays(t, errWrong, rebuildFlag, data)} {
				if !strings.Contains(told, "first: "+data+"/organization.db: the file itself is damaged: ") &&
					!strings.Contains(told, "first: opening "+data+"/organization.db: the file itself is damaged: ") ||
					!strings.Contains(told, "\naggregation ") || strings.Contains(told, "warning") {
					t.Errorf("fsck said:\n%s", told)
				}
			}
			if err := run(t.Context(), []string{"recount", data}, t.Output()); !errors.Is(err, errWrong) || !strings.Contains(err.Error(), "organization.db: the file itself is damaged") {
				t.Errorf("recount = %v", err)
			}
			if name == "empty" { // as a crash at the very first start leaves it
				return
			}
			c := settings(data)
			ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
			defer cancel()
			err := run(ctx, []string{"standalone", "-config", file(t, c)}, t.Output())
			if exit(err) != exitWrong || !strings.Contains(err.Error(), "organization: ") || !strings.Contains(err.Error(), data+"/organization.db: the file itself is damaged: ") {
				t.Errorf("a start = %v", err)
			}
		})
	}
}

// TestAStartNamesAFileInWhichAKeyIsLost: what it reads before it serves leads nowhere.
func TestAStartNamesAFileInWhichAKeyIsLost(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	path := filepath.Join(c.Data, "organization.db")
	spoil(t, path, nowhere("bootstrapdead"))
	if told := fsckSays(t, errWrong, c.Data); !strings.Contains(told, "first: "+path+": the file itself is damaged: ") {
		t.Errorf("fsck said:\n%s", told)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
	defer cancel()
	err := run(ctx, []string{"standalone", "-config", file(t, c)}, t.Output())
	if exit(err) != exitWrong || !strings.Contains(err.Error(), path+": the file itself is damaged: ") {
		t.Errorf("a start = %v", err)
	}
}

// TestFsckOutlivesAMissingFile: a store that is not there, or no file, is named with
// its path and status 20, and every other role is checked all the same.
func TestFsckOutlivesAMissingFile(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	path := filepath.Join(c.Data, "evaluation.db")
	for name, damage := range map[string]func() error{
		"missing":     func() error { return nil },
		"a directory": func() error { return os.Mkdir(path, 0o700) },
	} {
		if err := errors.Join(os.RemoveAll(path), damage()); err != nil {
			t.Fatal(err)
		}
		told := fsckSays(t, errWrong, c.Data)
		named := regexp.MustCompile(`(?m)^evaluation .* 1 wrong\n  first: .*` + regexp.QuoteMeta(path))
		if !named.MatchString(told) || strings.Count(told, " 0 wrong\n") != len(suite.Called())-1 {
			t.Errorf("%s: fsck said:\n%s", name, told)
		}
		if err := run(t.Context(), []string{"recount", c.Data}, t.Output()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: recount = %v", name, err)
		}
	}
}

// zero makes pages from one to before another all zeros.
func zero(from, to int) func([]byte) []byte {
	return func(b []byte) []byte {
		clear(b[min(len(b), from*pageSize):min(len(b), to*pageSize)])
		return b
	}
}

// flip changes a byte in the header of every page but the two that have sums.
func flip(at int, mask byte) func([]byte) []byte {
	return func(b []byte) []byte {
		for page := 2 * pageSize; page < len(b); page += pageSize {
			b[page+at] ^= mask
		}
		return b
	}
}

// circle has every page that leads to others lead to itself alone.
func circle(b []byte) []byte {
	for page := 2 * pageSize; page < len(b); page += pageSize {
		if head := b[page:]; head[8] == 1 {
			for i := range int(binary.NativeEndian.Uint16(head[10:])) {
				binary.NativeEndian.PutUint64(head[16+16*i+8:], uint64(page/pageSize))
			}
		}
	}
	return b
}

// nowhere has the rows of a small bucket, of which one is that text, lie far behind the end
// of the file, whose pages lead to each other as they should. The bucket lies as a leaf of its
// own within that of the names.
func nowhere(row string) func([]byte) []byte {
	return func(b []byte) []byte {
		for at := range b {
			if !bytes.HasPrefix(b[at:], []byte(row)) {
				continue
			}
			head := at
			for ; head > at-pageSize/4 && !bytes.Equal(b[head:head+10], []byte{8: 2, 9: 0}); head-- {
			}
			for i := range int(binary.NativeEndian.Uint16(b[head+10:])) {
				binary.NativeEndian.PutUint32(b[head+16+16*i+4:], 0xF0000000)
			}
		}
		return b
	}
}

func spoil(t *testing.T, path string, damage func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, damage(bytes.Clone(b)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
