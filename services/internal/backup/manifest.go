// Package backup makes a copy of a running process's data (备份) and puts one
// back (恢复). The process gives its stores over a socket in its data folder, to
// whoever may open that; the files beside them never change once they are there
// and are read where they lie. What a store holds it does not know: package suite
// says how one is copied and how a copy is checked. No key is ever part of a
// backup.
package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/duban-project/duban/services/internal/durable"
)

const (
	manifestFile = "manifest.json"
	filesFolder  = "blobs" // in a data folder and in a backup
	format       = 1
)

// Manifest says what a backup holds. It is written last: without one a folder is
// no backup.
type Manifest struct {
	Format int `json:"format"`
	About
	Begun  time.Time `json:"begun"`
	Ended  time.Time `json:"ended"`
	Stores []Store   `json:"stores"`
	Files  Files     `json:"files"`
	// Simulated is the time of a simulation, as its data folder keeps it.
	Simulated string `json:"simulated,omitempty"`
}

// Store is the copy of one role's store, in the file ROLE.db.
type Store struct {
	Role   string `json:"role"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Feed   Feed   `json:"feed"`
}

// Feed is what a store says of itself: the newest checkpoint at the moment that
// was copied, and the version of the store.
type Feed struct {
	Version    uint64 `json:"version"`
	Size       uint64 `json:"size"`
	Root       []byte `json:"root,omitempty"`
	Checkpoint string `json:"checkpoint,omitempty"`
}

// Files are the files beside the stores, each under its SHA-256.
type Files struct {
	Count  int    `json:"count"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // over their names in order, a line each
}

// Read returns the manifest of the backup in folder.
func Read(folder string) (m Manifest, err error) {
	b, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is no backup, or one that was never finished: %w", folder, err)
	}
	if err != nil {
		return m, fmt.Errorf("reading the manifest: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&m); err != nil || m.Format != format {
		return m, fmt.Errorf("the manifest of %s has format %d; this program reads format %d: %w", folder, m.Format, format, errors.Join(err, ErrBroken))
	}
	for _, s := range m.Stores {
		if !fs.ValidPath(s.Role) || filepath.Base(s.Role) != s.Role {
			return m, fmt.Errorf("%w: there is no role %q", ErrBroken, s.Role)
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || len(m.Stores) == 0 {
		return m, fmt.Errorf("%w: the manifest of %s", ErrBroken, folder)
	}
	if !slices.EqualFunc(m.Stores, m.Roles, func(s Store, role string) bool { return s.Role == role }) {
		return m, fmt.Errorf("%w: its process ran %v, and it has not the store of each of them, once and in this order", ErrBroken, m.Roles)
	}
	return m, nil
}

// Has is nil unless the backup is of a whole installation and lacks one of its roles; else
// ErrBroken. That of a process of some roles has those. Whose process held the
// installation's key ran all, also where the manifest is from before that was said.
func (m Manifest) Has(roles []string) error {
	for _, role := range roles {
		if (m.Whole || m.Seeded) && !slices.Contains(m.Roles, role) {
			return fmt.Errorf("%w: it is of a whole installation, and its manifest lacks the role %s", ErrBroken, role)
		}
	}
	return nil
}

// ErrBroken says that a backup is not what its manifest says.
var ErrBroken = errors.New("the backup is damaged")

func (m Manifest) write(folder string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(folder, manifestFile), append(b, '\n'))
}
