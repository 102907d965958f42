package blob_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/store"
)

// abc is the first example of FIPS 180-2.
const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func open(t *testing.T, reserve uint64) (*blob.Store, string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "blobs")
	s, err := blob.Open(folder, reserve)
	if err != nil {
		t.Fatal(err)
	}
	return s, folder
}

// files lists what lies in a folder, with the mode of each.
func files(t *testing.T, folder string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		name, _ := filepath.Rel(folder, path)
		found[name] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAFileIsKeptOnceUnderItsDigest(t *testing.T) {
	s, folder := open(t, 0)
	for range 2 {
		info, err := s.Put(t.Context(), strings.NewReader("abc"), 3)
		if want := (blob.Info{Digest: abc, Size: 3, MediaType: blob.Text}); err != nil || info != want {
			t.Fatalf("Put = %v, %v; want %v", info, err, want)
		}
	}
	if content, err := s.Open(abc); err != nil || string(content) != "abc" {
		t.Errorf("Open = %q, %v", content, err)
	}
	found := files(t, folder)
	if len(found) != 1 || found[filepath.Join("ba", abc)] != 0o600 {
		t.Errorf("the folder has %v, want one file with mode 0600", found)
	}
}

func TestWhatIsNotTakenLeavesNothing(t *testing.T) {
	s, folder := open(t, 0)
	for text, want := range map[string]error{"": blob.ErrEmpty, "abcd": blob.ErrTooLarge, "MZ\x00": blob.ErrTypeRefused} {
		if _, err := s.Put(t.Context(), strings.NewReader(text), 3); !errors.Is(err, want) {
			t.Errorf("Put(%q) = %v, want %v", text, err, want)
		}
	}
	if found := files(t, folder); len(found) > 0 {
		t.Errorf("the folder has %v", found)
	}
}

func TestTheReserveOfTheDiskIsKept(t *testing.T) {
	s, folder := open(t, math.MaxUint64)
	if _, err := s.Put(t.Context(), strings.NewReader("abc"), 3); !errors.Is(err, store.ErrFull) {
		t.Errorf("Put = %v, want ErrFull", err)
	}
	if found := files(t, folder); len(found) > 0 {
		t.Errorf("the folder has %v", found)
	}
}

func TestOpenTellsMissingFromCorrupt(t *testing.T) {
	s, folder := open(t, 0)
	for _, digest := range []string{abc, "", "..", "../../etc/passwd", strings.Repeat("z", 64)} {
		if _, err := s.Open(digest); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Open(%q) = %v, want ErrNotFound", digest, err)
		}
	}
	if _, err := s.Put(t.Context(), strings.NewReader("abc"), 3); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "ba", abc), []byte("abd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(abc); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("Open of changed bytes = %v, want ErrCorrupt", err)
	}
	if _, err := s.Put(t.Context(), strings.NewReader("abc"), 3); err != nil {
		t.Fatal(err)
	}
	if content, err := s.Open(abc); err != nil || string(content) != "abc" {
		t.Errorf("Open after it was put again = %q, %v", content, err)
	}
}

// zipped makes an archive of files with these names.
func zipped(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestContentDecidesTheMediaType(t *testing.T) {
	const types = "[Content_Types].xml"
	for name, test := range map[string]struct{ content, want string }{
		"pdf":             {"%PDF-1.7\n", blob.PDF},
		"png":             {"\x89PNG\r\n\x1a\n", blob.PNG},
		"jpeg":            {"\xff\xd8\xff\xe0", blob.JPEG},
		"text":            {"走访记录\n三户，均在家。", blob.Text},
		"one line":        {"a,b", blob.Text},
		"uneven rows":     {"a,b\nc", blob.Text},
		"csv":             {"姓名,次数\n甲,1\n", blob.CSV},
		"docx":            {zipped(t, types, "word/document.xml"), blob.DOCX},
		"xlsx":            {zipped(t, types, "xl/workbook.xml"), blob.XLSX},
		"macros":          {zipped(t, types, "xl/workbook.xml", "xl/vbaProject.bin"), ""},
		"neither":         {zipped(t, types), ""},
		"both":            {zipped(t, types, "xl/workbook.xml", "word/document.xml"), ""},
		"any zip":         {zipped(t, "a.txt"), ""},
		"broken zip":      {"PK\x03\x04", ""},
		"html":            {"<html><script>", ""},
		"svg":             {"<?xml version='1.0'?><svg/>", ""},
		"gif":             {"GIF89a", ""},
		"program":         {"\x7fELF", ""},
		"late zero":       {strings.Repeat("a", 4096) + "\x00", ""},
		"late escape":     {strings.Repeat("a", 4096) + "\x1b[2J", ""},
		"ole (doc, xls)":  {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ""},
		"mp4":             {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", ""},
		"pdf not at once": {"x%PDF-1.7\n", blob.Text},
	} {
		info, _, err := blob.Inspect(strings.NewReader(test.content), 1<<20)
		if info.MediaType != test.want || (test.want == "") != errors.Is(err, blob.ErrTypeRefused) {
			t.Errorf("%s: %q, %v; want %q", name, info.MediaType, err, test.want)
		}
	}
}
