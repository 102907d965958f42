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
	"path/filepath"
	"slices"
	"time"

	"github.com/duban-project/duban/services/internal/durable"
)

const (
	manifestFile = "manifest.json"
	filesFolder  = "blobs" // in a data folder and in a backup
	format       = 1       // another one where a key comes or goes: what is not known is not passed over
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
	b, err := durable.ReadFile(filepath.Join(folder, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is no backup, or one that was never finished: %w", folder, err)
	}
	if errors.Is(err, durable.ErrIrregular) {
		return m, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err != nil {
		return m, fmt.Errorf("reading the manifest: %w", err)
	}
	if err := known(b); err != nil {
		return m, fmt.Errorf("the manifest of %s: %w", folder, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: the manifest of %s cannot be read: %w", ErrBroken, folder, err)
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

// known is nil if a manifest is of this program's format.
func known(manifest []byte) error {
	var is struct{ Format int }
	err := json.NewDecoder(bytes.NewReader(manifest)).Decode(&is) // what is behind it is looked at later
	switch {
	case err != nil:
		return fmt.Errorf("%w: it cannot be read: %w", ErrBroken, err)
	case is.Format > format:
		return fmt.Errorf("%w: its format is %d, and this program knows up to %d: run a newer one", ErrNewer, is.Format, format)
	case is.Format < format:
		return fmt.Errorf("%w: its format is %d, which no program writes", ErrBroken, is.Format)
	}
	return nil
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

var (
	// ErrBroken says that a backup is not what its manifest says.
	ErrBroken = errors.New("the backup is damaged")
	// ErrNewer says that a backup was made by a later program.
	ErrNewer = errors.New("the backup is of another version")
)

func (m Manifest) write(folder string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(folder, manifestFile), append(b, '\n'))
}
