package suite

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// Fsck checks every store in the data folder of a suite that does not run. It
// reports each role that has a store, and changes nothing.
func Fsck(ctx context.Context, c Config, report func(role string, r fsck.Report)) error {
	s, err := findSeed(c.Data)
	if err != nil {
		return fmt.Errorf("%s does not hold an installation: %w", c.Data, err)
	}
	for _, r := range roles {
		found, err := fsckRole(ctx, c, r.name, s.of(r.name).signing().Public().(ed25519.PublicKey))
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		report(r.name, found)
	}
	return nil
}

func fsckRole(ctx context.Context, c Config, role string, key ed25519.PublicKey) (report fsck.Report, err error) {
	engine, err := reopen(c, role)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	text, err := note.NewEd25519VerifierKey(c.origin(role), key)
	if err != nil {
		return report, err
	}
	verifier, err := note.NewVerifier(text)
	if err != nil {
		return report, err
	}
	return fsck.Check(ctx, engine, verifier)
}

// keysFolder is where an installation of several processes on one machine keeps
// its keys, beneath its data.
const keysFolder = "keys"

// findSeed reads the seed of an installation of one process or of several.
func findSeed(data string) (seed, error) {
	s, err := readSecret(filepath.Join(data, seedFile), ed25519.SeedSize)
	if errors.Is(err, fs.ErrNotExist) {
		return readSecret(filepath.Join(data, keysFolder, seedFile), ed25519.SeedSize)
	}
	return s, err
}

// reopen opens a store that must be there: in the data folder or, where each role
// has one of its own, in that of the role.
func reopen(c Config, role string) (store.Engine, error) {
	path := filepath.Join(c.Data, role+".db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(c.Data, role, role+".db")
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return bolt.Open(path, bolt.Options{})
}

// origin names a role's log among all logs. The last part is its era: a log that
// lost its tail goes on in a new one, never silently.
func (c Config) origin(role string) string { return c.Installation + "/" + role + "/1" }
