package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/duban-project/duban/services/internal/durable"
)

// copying copies files that bear their digests from one folder to another.
type copying struct {
	from, to string
	names    hash.Hash
	is       Files
}

// copyFiles copies them and checks each against its digest. What bears none is
// left out.
func copyFiles(ctx context.Context, from, to string) (Files, error) {
	c := &copying{from: from, to: to, names: sha256.New()}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return c.is, err
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil || d.IsDir() || path != c.place(c.from, d.Name()) {
			return err
		}
		return c.file(d.Name())
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.is, fmt.Errorf("copying the files: %w", err)
	}
	c.is.SHA256 = digestOf(c.names)
	return c.is, settle(to)
}

// place is where a file lies: 256 folders by the first byte of their digests. ""
// if the name is no digest.
func (c *copying) place(folder, name string) string {
	if b, err := hex.DecodeString(name); err != nil || len(b) != sha256.Size {
		return ""
	}
	return filepath.Join(folder, name[:2], name)
}

func (c *copying) file(name string) (err error) {
	to := c.place(c.to, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.Open(c.place(c.from, name))
	if err != nil {
		return err
	}
	n, err := keep(to, f, name)
	c.is.Count++
	c.is.Bytes += n
	fmt.Fprintln(c.names, name) // to a hash: never fails
	return errors.Join(err, f.Close())
}

// settle makes durable which names there are in a folder and those within.
func settle(folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return durable.Sync(path)
	})
}
