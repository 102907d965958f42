// Package upkeep is what an operator does to the data of an installation: check it,
// count its figures once more, mend its indexes, copy and restore it, declare a new era
// of its logs. But for a backup, nothing may run on the data meanwhile. How stores and
// feeds are checked and counted is in packages fsck and recount; this knows which there
// are.
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	sealed "github.com/duban-project/duban/services/complaint/recheck"
	ballots "github.com/duban-project/duban/services/evaluation/recheck"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/recheck"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/intact"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
)

// Fsck checks every store and file in the data folder of a suite that does not
// run, of one process or of several. It reports each role, also one whose file is
// damaged, and after federation each mirror as package recheck names it. It answers
// how many files no record names, 0 if a store is damaged, and changes nothing. If c
// names no installation, the data do. It fails with store.ErrVersion if nothing is wrong but
// that stores are of another version, and goes on with the others first.
func Fsck(ctx context.Context, c suite.Config, report func(role string, r fsck.Report)) (orphans uint64, err error) {
	s, err := seed.Find(c.Data)
	if err != nil {
		return 0, fmt.Errorf("%s does not hold an installation: %w", c.Data, err)
	}
	of := func(role string) (seed.Role, error) { return s.Of(role), nil }
	return fsckRoles(ctx, c, suite.Called(), of, report)
}

// fsckRoles checks the stores of some roles.
func fsckRoles(ctx context.Context, c suite.Config, wanted []string, of func(role string) (seed.Role, error), report func(role string, r fsck.Report)) (orphans uint64, err error) {
	if c, err = named(ctx, c, wanted); err != nil {
		return 0, err
	}
	k := checking{config: c, files: map[string]*fsck.Files{}, whole: true}
	wrong := uint64(0)
	k.report = func(role string, r fsck.Report) {
		wrong += r.Wrong
		report(role, r)
	}
	if k.read, err = readings(ctx, c, wanted); err != nil {
		return 0, err
	}
	for _, role := range wanted {
		s, err := of(role)
		if err != nil {
			return 0, err
		}
		if err := k.role(ctx, role, s); err != nil {
			return 0, fmt.Errorf("%s: %w", role, err)
		}
	}
	if uint64(len(k.others)) == wrong { // nothing else is wrong
		err = errors.Join(k.others...)
	}
	if err != nil {
		return 0, err
	}
	return k.orphans(ctx)
}

// checking is a check of an installation's stores.
type checking struct {
	config suite.Config
	report func(role string, r fsck.Report)
	files  map[string]*fsck.Files // by the folder that has them
	whole  bool                   // no store is damaged, or of another version
	others []error                // of stores of another version
	read   map[string][]intact.Reading

	first     string // the first role whose store says by which clock it is written
	simulated bool   // and that it is a simulation's
}

// role checks the store of a role, and what it mirrors.
func (k *checking) role(ctx context.Context, role string, s seed.Role) error {
	found, err := k.store(ctx, role, s)
	if err == nil {
		k.report(role, found)
		if role == federation.Service {
			err = fsckMirrors(ctx, k.config, role, s, k.report)
		}
	}
	if lost(err) {
		k.whole = false
		if errors.Is(err, store.ErrVersion) {
			k.others = append(k.others, fmt.Errorf("%s: %w", role, err))
		}
		k.report(role, damaged(err))
		return nil
	}
	return err
}

// filesOf are the files that a role's records name; roles may have them together.
func (k *checking) filesOf(role string) *fsck.Files {
	home := home(k.config, role)
	if k.files[home] == nil {
		k.files[home] = fsck.NewFiles(os.DirFS(filepath.Join(home, suite.BlobsFolder)))
	}
	return k.files[home]
}

// orphans counts the files that no record names: none if a store is damaged, because
// nobody knows what it names.
func (k *checking) orphans(ctx context.Context) (all uint64, err error) {
	if !k.whole {
		return 0, nil
	}
	for _, f := range k.files {
		n, err := f.Orphans(ctx)
		if err != nil {
			return all, err
		}
		all += n
	}
	return all, nil
}

// lost says whether the error is that a store is damaged, missing, of another version or of
// none, or not to be read: that is of this store alone, and the others can be checked.
func lost(err error) bool {
	var path *fs.PathError // also of what lies beside it
	return errors.Is(err, bolt.ErrDamaged) || errors.Is(err, store.ErrVersion) || errors.Is(err, store.ErrNoVersion) || errors.As(err, &path)
}

// damaged is the report on a store of which nothing more can be said.
func damaged(err error) fsck.Report {
	return fsck.Report{Wrong: 1, First: &fsck.Finding{Seq: fsck.None, What: err.Error()}}
}

// beside says by role who checks what is kept outside of the feed.
var beside = map[string]func(tx store.Tx, wrong func(subject, what string)) error{
	"complaint": sealed.Cases, "evaluation": ballots.Ballots,
}

// store checks the store of a role alone.
func (k *checking) store(ctx context.Context, role string, s seed.Role) (report fsck.Report, err error) {
	engine, err := reopen(ctx, k.config, role)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	era, err := feed.EraOf(ctx, engine)
	if err != nil {
		return report, err
	}
	signed := func(origin string) (note.Verifier, error) {
		text, err := s.Verifier(origin)
		if err != nil {
			return nil, err
		}
		return note.NewVerifier(text)
	}
	verifier, err := signed(k.config.Origin(role, era))
	if err != nil {
		return report, err
	}
	expect := fsck.Expect{Verifier: verifier, Earlier: signed, Schema: suite.Schema(role), Files: k.filesOf(role)}
	expect.Beside = beside[role]
	if report, err = fsck.Check(ctx, engine, expect); err != nil {
		return report, err
	}
	err = errors.Join(bookmarks(ctx, engine, role, k.read[role], &report), k.clock(ctx, engine, role, &report), k.noted(role, k.config.Origin(role, era), &report))
	return report, err
}

// fsckMirrors checks what is mirrored of installations below.
func fsckMirrors(ctx context.Context, c suite.Config, role string, s seed.Role, report func(mirror string, r fsck.Report)) (err error) {
	engine, err := reopen(ctx, c, role)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return recheck.Check(ctx, engine, c.Cosigner(s).VerifierKey(), report)
}

// Reindex writes the indexes of every store anew from its records, in the data
// folder of a suite that does not run. It passes over what cannot be mended, a file
// that is damaged, missing or does not say its version, and a record that cannot be read: Fsck
// names them.
func Reindex(ctx context.Context, c suite.Config) (all store.Mended, err error) {
	if c, err = named(ctx, c, suite.Called()); err != nil {
		return all, err
	}
	for _, role := range suite.Called() {
		mended, err := reindexRole(ctx, c, role)
		if err != nil && !lost(err) {
			return all, fmt.Errorf("%s: %w", role, err)
		}
		all.Rows += mended.Rows
		all.Unread = append(all.Unread, mended.Unread...)
	}
	return all, nil
}

func reindexRole(ctx context.Context, c suite.Config, role string) (mended store.Mended, err error) {
	engine, err := versioned(ctx, c, role, bolt.Mend)
	if err != nil {
		return mended, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	err = engine.Update(ctx, func(tx store.Tx) (err error) {
		mended, err = store.Reindex(tx, suite.Schema(role))
		return err
	})
	return mended, err
}

// home is the folder of a role's store: the data folder or, where each role has one
// of its own beneath it, that of the role.
func home(c suite.Config, role string) string {
	own := filepath.Join(c.Data, role)
	if _, err := os.Stat(filepath.Join(c.Data, role+".db")); err == nil {
		return c.Data
	}
	if info, err := os.Stat(own); err == nil && info.IsDir() {
		return own // also if the store in it is missing
	}
	return c.Data
}

// reopen opens a store to be read that must be there, and of the version that is known here.
func reopen(ctx context.Context, c suite.Config, role string) (store.Engine, error) {
	return open(ctx, c, role, bolt.Inspect)
}

// versioned is open for who takes what the store has as it stands, or writes to it: one that
// does not say its version is a store.ErrNoVersion.
func versioned(ctx context.Context, c suite.Config, role string, how func(path string) (store.Engine, error)) (store.Engine, error) {
	engine, err := open(ctx, c, role, how)
	if err != nil {
		return nil, err
	}
	if _, err := store.VersionOf(ctx, engine); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}

// ErrLost says that the store of a role is missing, or cannot be read, where there are others.
var ErrLost = errors.New("a store is missing, or not to be read")

// Idle has the error that another process holds a store say what to do: a config.ErrWrong.
func Idle(err error) error {
	if errors.Is(err, bolt.ErrBusy) {
		return fmt.Errorf("%w: what runs on the data is to be stopped first: %w", config.ErrWrong, err)
	}
	return err
}

func open(ctx context.Context, c suite.Config, role string, how func(path string) (store.Engine, error)) (store.Engine, error) {
	engine, err := how(filepath.Join(home(c, role), role+".db"))
	var path *fs.PathError
	if errors.As(err, &path) {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err != nil {
		return nil, Idle(err)
	}
	if err := store.CheckVersion(ctx, engine, suite.Schema(role)); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}
