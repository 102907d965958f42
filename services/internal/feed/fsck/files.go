package fsck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
)

// Files are the files that records name by their digests. All services of an
// installation share them, so that one Files goes through the checks of all.
type Files struct {
	folder fs.FS
	named  map[string]string // by digest: what is wrong with it, "" if nothing
}

// NewFiles returns the files in the folder where package blob keeps them, each
// as "ab/abcd…", its digest in hexadecimal.
func NewFiles(folder fs.FS) *Files { return &Files{folder, map[string]string{}} }

// Orphans counts the files that no record named which was checked so far. They
// take room and do no other harm: one was put and then not needed.
func (f *Files) Orphans(ctx context.Context) (n uint64, err error) {
	err = fs.WalkDir(f.folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil || entry.IsDir() {
			return err
		}
		if digest := path.Base(name); !f.has(digest) || name != place(digest) {
			n++
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil // there never was a file
	}
	return n, err
}

func (f *Files) has(digest string) bool {
	_, ok := f.named[digest]
	return ok
}

// place is where the file of a digest lies.
func place(digest string) string { return digest[:min(2, len(digest))] + "/" + digest }

// look says what is wrong with the file of a digest, "" if nothing. Each is read
// once.
func (f *Files) look(digest string) string {
	if !f.has(digest) {
		wrong, err := f.read(digest)
		if err != nil {
			wrong = "cannot be read: " + unpathed(err)
		}
		f.named[digest] = wrong
	}
	return f.named[digest]
}

// unpathed is an error without the path that a finding names by itself.
func unpathed(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

func (f *Files) read(digest string) (wrong string, err error) {
	info, err := fs.Stat(f.folder, place(digest))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return "is missing", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular(): // to open a pipe would wait for ever
		return "is no file", nil
	}
	file, err := f.folder.Open(place(digest))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	if hex.EncodeToString(sum.Sum(nil)) != digest {
		return "does not hold what its digest says", nil
	}
	return "", nil
}

// attachment looks at the file that a record names.
func (c *check) attachment(seq uint64, a *blobv1.Attachment) {
	if c.expect.Files == nil {
		return
	}
	c.report.Files++
	if wrong := c.expect.Files.look(a.GetDigest()); wrong != "" {
		c.wrong(int64(seq), a.GetName(), "its file blobs/%s %s", place(a.GetDigest()), wrong)
	}
}
