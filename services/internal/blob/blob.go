// Package blob keeps files by their content: a folder in which every file bears
// the SHA-256 of what it holds, so that nothing is kept twice and a record that
// names a digest can never come to mean other bytes. Which kinds of files there
// are, package media knows. To whom a file belongs and who may read it, the
// records say that name its digest: package attachment keeps them.
//
// A file is put before the transaction that names it. If that one fails, a file
// remains that nobody can find; it takes room and does no other harm, and the
// same file sent again uses it. Whoever holds All against the records finds it.
// A crash may leave a file "new-…" in the folder, which may be removed while no
// process runs.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/media"
	"github.com/duban-project/duban/services/internal/store"
)

// The reasons for which a file is not taken.
var (
	ErrTooLarge    = fault.Of(blobv1.Reason_REASON_ATTACHMENT_TOO_LARGE)
	ErrEmpty       = fault.Of(blobv1.Reason_REASON_ATTACHMENT_EMPTY)
	ErrTypeRefused = fault.Of(blobv1.Reason_REASON_ATTACHMENT_TYPE_REFUSED)
	ErrTypeDiffers = fault.Of(blobv1.Reason_REASON_ATTACHMENT_TYPE_DIFFERS)
	ErrCutOff      = fault.Of(blobv1.Reason_REASON_ATTACHMENT_INCOMPLETE)
)

// ErrDamaged answers whoever asks for a file that is missing or no longer what its digest
// says.
var ErrDamaged = fault.Of(blobv1.Reason_REASON_ATTACHMENT_DAMAGED)

var (
	// ErrNotFound says that no file has the digest.
	ErrNotFound = errors.New("blob: not found")

	// ErrCorrupt says that a file no longer holds what its name says.
	ErrCorrupt = errors.New("blob: content does not match its digest")
)

// Info is what is known of a file by its content.
type Info struct {
	Digest    string // SHA-256, 64 hexadecimal digits
	Size      int64  // bytes
	MediaType string // one of those of package media
}

// Store is a folder of files. It is safe for concurrent use, also by several
// processes.
type Store struct {
	folder  string
	reserve uint64
}

// Open returns the store in folder, which is made if it is not there. Nothing is
// put while the disk has less than reserve bytes free.
func Open(folder string, reserve uint64) (*Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of files: %w", err)
	}
	return &Store{folder: folder, reserve: reserve}, nil
}

// Inspect reads at most limit bytes of the file that its sender calls name, and says
// what they are, or why they are not taken: ErrEmpty, ErrTooLarge, ErrTypeRefused,
// ErrTypeDiffers, ErrCutOff. The content comes back with it.
func Inspect(name string, r io.Reader, limit int64) (Info, []byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return Info{}, nil, fmt.Errorf("reading the file: %w", err)
	}
	if int64(len(content)) > limit {
		return Info{}, nil, ErrTooLarge.With("limit", strconv.FormatInt(limit, 10)).At("content", "过大", "is too large")
	}
	kind, err := typeOf(name, content)
	if err != nil {
		return Info{}, nil, err
	}
	digest := sha256.Sum256(content)
	return Info{Digest: hex.EncodeToString(digest[:]), Size: int64(len(content)), MediaType: kind}, content, nil
}

// typeOf is the media type of a file that is taken.
func typeOf(name string, content []byte) (string, error) {
	if media.Blank(content) {
		return "", ErrEmpty.At("content", "没有内容", "is empty")
	}
	kind := media.Type(content)
	if kind == "" {
		return "", ErrTypeRefused.At("content", "文件类型不接受", "is of a kind that is not taken")
	}
	if !media.Agrees(kind, name) {
		endings := media.Endings(kind)
		return "", ErrTypeDiffers.Say("endings", strings.Join(endings, "、"), strings.Join(endings, ", ")).
			At("attachment.file_name", "后缀与文件内容不符", "does not end as files of this content do")
	}
	if !media.Whole(kind, content) {
		return "", ErrCutOff.At("content", "图片不完整", "is cut off before its end")
	}
	return kind, nil
}

// Put keeps what r holds, which its sender calls name. Once it has returned, the file is durable. It fails
// with what Inspect refuses, with store.ErrFull, or with ctx's error.
func (s *Store) Put(ctx context.Context, name string, r io.Reader, limit int64) (Info, error) {
	info, content, err := Inspect(name, r, limit)
	if err != nil {
		return Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	path := s.path(info.Digest)
	if _, err := s.Open(info.Digest); err == nil {
		return info, s.settle(path)
	}
	if err := s.room(); err != nil {
		return Info{}, err
	}
	if err := s.write(path, content); err != nil {
		return Info{}, fmt.Errorf("keeping a file: %w", err)
	}
	return info, nil
}

// Open returns the content under a digest, whole and checked against it. It
// fails with ErrNotFound or ErrCorrupt.
func (s *Store) Open(digest string) ([]byte, error) {
	path := s.pathOf(digest)
	if path == "" {
		return nil, ErrNotFound
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotFound
	case err == nil && !info.Mode().IsRegular(): // to read a pipe would wait for ever
		return nil, fmt.Errorf("%w: %s is no file", ErrCorrupt, digest)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("%w: %s", ErrCorrupt, digest)
	}
	return content, nil
}

// Held is a file that the store holds.
type Held struct {
	Digest string    // that its name says; Open checks it
	Size   int64     // bytes
	Since  time.Time // when it was last written
}

// All yields the files in the order of their digests, and ends with the first
// error. What is put meanwhile may be left out.
func (s *Store) All() iter.Seq2[Held, error] {
	return func(yield func(Held, error) bool) {
		err := filepath.WalkDir(s.folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path != s.pathOf(d.Name()) {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if !yield(Held{Digest: d.Name(), Size: info.Size(), Since: info.ModTime()}, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Held{}, fmt.Errorf("looking through the files: %w", err))
		}
	}
}

// errStopped ends a walk that is looked at no further.
var errStopped = errors.New("blob: stopped")

// pathOf is path for what may be no digest; "" if it is none.
func (s *Store) pathOf(name string) string {
	if b, err := hex.DecodeString(name); err != nil || len(b) != sha256.Size {
		return ""
	}
	return s.path(name)
}

// path shards by the first byte: 256 folders keep each of them small.
func (s *Store) path(digest string) string { return filepath.Join(s.folder, digest[:2], digest) }

// room refuses when the disk is down to the reserve.
func (s *Store) room() error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.folder, &disk); err != nil {
		return fmt.Errorf("asking for free disk space: %w", err)
	}
	if disk.Bavail*uint64(disk.Bsize) < s.reserve {
		return store.ErrFull
	}
	return nil
}

// write makes a file that is there whole or not at all, readable by its owner
// alone.
func (s *Store) write(path string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.folder, "new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return s.settle(path)
}

// settle makes the name of a file durable, and that of its folder.
func (s *Store) settle(path string) error {
	return errors.Join(durable.Sync(filepath.Dir(path)), durable.Sync(s.folder))
}
