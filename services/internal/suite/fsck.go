package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/recheck"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// Fsck checks every store and file in the data folder of a suite that does not
// run, of one process or of several. It reports each role, also one whose file is
// damaged, and after federation each mirror as package recheck names it; answers how many files no record names, 0 if a store is damaged, and
// changes nothing.
func Fsck(ctx context.Context, c Config, report func(role string, r fsck.Report)) (orphans uint64, err error) {
	s, err := findSeed(c.Data)
	if err != nil {
		return 0, fmt.Errorf("%s does not hold an installation: %w", c.Data, err)
	}
	of := func(role string) (secrets, error) { return s.of(role), nil }
	return fsckRoles(ctx, c, services(), of, report)
}

// fsckRoles checks the stores of some roles.
func fsckRoles(ctx context.Context, c Config, wanted []string, of func(role string) (secrets, error), report func(role string, r fsck.Report)) (orphans uint64, err error) {
	files, whole := map[string]*fsck.Files{}, true
	for _, r := range roles {
		if !slices.Contains(wanted, r.name) {
			continue
		}
		home := c.home(r.name)
		if files[home] == nil {
			files[home] = fsck.NewFiles(os.DirFS(filepath.Join(home, blobsFolder)))
		}
		s, err := of(r.name)
		if err != nil {
			return 0, err
		}
		found, err := fsckRole(ctx, c, r, s, files[home])
		switch {
		case errors.Is(err, bolt.ErrDamaged):
			whole, found = false, damaged(err)
		case err != nil:
			return 0, fmt.Errorf("%s: %w", r.name, err)
		}
		report(r.name, found)
		if r.name != federation.Service || errors.Is(err, bolt.ErrDamaged) {
			continue
		}
		switch err := fsckMirrors(ctx, c, r, s, report); {
		case errors.Is(err, bolt.ErrDamaged):
			whole = false
			report(r.name, damaged(err))
		case err != nil:
			return 0, err
		}
	}
	if !whole {
		return 0, nil // nobody knows what the damaged stores name
	}
	for _, f := range files {
		n, err := f.Orphans(ctx)
		if err != nil {
			return orphans, err
		}
		orphans += n
	}
	return orphans, nil
}

// damaged is the report on a store of which nothing more can be said.
func damaged(err error) fsck.Report {
	return fsck.Report{Wrong: 1, First: &fsck.Finding{Seq: fsck.None, What: err.Error()}}
}

func fsckRole(ctx context.Context, c Config, r role, s secrets, files *fsck.Files) (report fsck.Report, err error) {
	engine, err := reopen(ctx, c, r)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	text, err := s.verifier(c.origin(r.name))
	if err != nil {
		return report, err
	}
	verifier, err := note.NewVerifier(text)
	if err != nil {
		return report, err
	}
	return fsck.Check(ctx, engine, fsck.Expect{Verifier: verifier, Schema: r.schema, Files: files})
}

// fsckMirrors checks what is mirrored of installations below.
func fsckMirrors(ctx context.Context, c Config, r role, s secrets, report func(mirror string, r fsck.Report)) (err error) {
	engine, err := reopen(ctx, c, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return recheck.Check(ctx, engine, s.cosigner(c).VerifierKey(), report)
}

// Reindex writes the indexes of every store anew from its records, in the data
// folder of a suite that does not run, and answers how many rows were not as
// they should be. It passes over a file that is damaged: Fsck names it.
func Reindex(ctx context.Context, c Config) (mended int, err error) {
	for _, r := range roles {
		n, err := reindexRole(ctx, c, r)
		if err != nil && !errors.Is(err, bolt.ErrDamaged) {
			return mended, fmt.Errorf("%s: %w", r.name, err)
		}
		mended += n
	}
	return mended, nil
}

func reindexRole(ctx context.Context, c Config, r role) (mended int, err error) {
	engine, err := reopen(ctx, c, r)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	err = engine.Update(ctx, func(tx store.Tx) (err error) {
		mended, err = store.Reindex(tx, r.schema)
		return err
	})
	return mended, err
}

// KeysFolder is where an installation of several processes on one machine keeps
// its keys, beneath its data.
const KeysFolder = "keys"

// findSeed reads the seed of an installation of one process or of several.
func findSeed(data string) (seed, error) {
	s, err := readSeed(filepath.Join(data, seedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return readSeed(filepath.Join(data, KeysFolder, seedFile))
	}
	return s, err
}

// home is the folder of a role's store: the data folder or, where each role has one
// of its own beneath it, that of the role.
func (c Config) home(role string) string {
	own := filepath.Join(c.Data, role)
	if _, err := os.Stat(filepath.Join(own, role+".db")); err == nil {
		return own
	}
	return c.Data
}

// reopen opens a store that must be there, and of the version that is known here.
func reopen(ctx context.Context, c Config, r role) (store.Engine, error) {
	engine, err := bolt.Inspect(filepath.Join(c.home(r.name), r.name+".db"))
	if err != nil {
		return nil, err
	}
	if err := store.CheckVersion(ctx, engine, r.schema); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}

// origin names a role's log among all logs. The last part is its era: a log that
// lost its tail goes on in a new one, never silently.
func (c Config) origin(role string) string { return c.Installation + "/" + role + "/1" }
