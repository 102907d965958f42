package blob_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/media"
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
		info, err := s.Put(t.Context(), "a.txt", strings.NewReader("abc"), 3)
		if want := (blob.Info{Digest: abc, Size: 3, MediaType: media.Text}); err != nil || info != want {
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
	for text, c := range map[string]struct {
		want  error
		field string
	}{
		"": {blob.ErrEmpty, "content"}, " \n": {blob.ErrEmpty, "content"}, "0123456789": {blob.ErrTooLarge, "content"},
		"MZ\x00": {blob.ErrTypeRefused, "content"}, "%PDF-1.7\n": {blob.ErrTypeDiffers, "attachment.file_name"},
	} {
		_, err := s.Put(t.Context(), "a.txt", strings.NewReader(text), 9)
		f := &fault.Fault{}
		if !errors.Is(err, c.want) || !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Path != c.field {
			t.Errorf("Put(%q) = %v, want %v at %s", text, err, c.want, c.field)
		}
	}
	_, err := s.Put(t.Context(), "a.png", strings.NewReader("\x89PNG\r\n\x1a\n\x00"), 9)
	if f := fault.As(err); !errors.Is(err, blob.ErrCutOff) || len(f.Fields) != 1 || f.Fields[0].Path != "content" {
		t.Errorf("a picture that is cut off = %v", err)
	}
	if found := files(t, folder); len(found) > 0 {
		t.Errorf("the folder has %v", found)
	}
}

func TestTheReserveOfTheDiskIsKept(t *testing.T) {
	s, folder := open(t, math.MaxUint64)
	if _, err := s.Put(t.Context(), "a.txt", strings.NewReader("abc"), 3); !errors.Is(err, store.ErrFull) {
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
	if _, err := s.Put(t.Context(), "a.txt", strings.NewReader("abc"), 3); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "ba", abc), []byte("abd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(abc); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("Open of changed bytes = %v, want ErrCorrupt", err)
	}
	if _, err := s.Put(t.Context(), "a.txt", strings.NewReader("abc"), 3); err != nil {
		t.Fatal(err)
	}
	if content, err := s.Open(abc); err != nil || string(content) != "abc" {
		t.Errorf("Open after it was put again = %q, %v", content, err)
	}
}

func TestAllYieldsWhatIsHeldAndNothingElse(t *testing.T) {
	s, folder := open(t, 0)
	for _, text := range []string{"abc", "abd"} {
		if _, err := s.Put(t.Context(), "a.txt", strings.NewReader(text), 3); err != nil {
			t.Fatal(err)
		}
	}
	for _, stray := range []string{"new-1", filepath.Join("ba", "x"), filepath.Join("ba", strings.Repeat("0", 64))} {
		if err := os.WriteFile(filepath.Join(folder, stray), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var digests []string
	for held, err := range s.All() {
		if err != nil || held.Size != 3 || held.Since.IsZero() {
			t.Errorf("All yields %v, %v", held, err)
		}
		digests = append(digests, held.Digest)
	}
	if len(digests) != 2 || !slices.Contains(digests, abc) || !slices.IsSorted(digests) {
		t.Errorf("All yields %q", digests)
	}
	for range s.All() {
		break // which must not be told an end again
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	for _, err := range s.All() {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without a folder All yields %v", err)
		}
	}
}
