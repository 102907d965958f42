package suite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// guarded runs do, which reads the store of a role before it is served, and answers
// bolt.ErrDamaged if the file leads it nowhere.
func (s *Suite) guarded(role string, do func() error) error {
	return bolt.Guard(filepath.Join(s.config.Data, role+".db"), do)
}

// book is what a role writes in: it brings its store to the role's schema, and has its log
// go on if that is whole.
func (s *Suite) book(ctx context.Context, r role, o Options) (book *change.Book, err error) {
	err = s.guarded(r.name, func() error {
		book, err = s.admitted(ctx, r, o)
		return err
	})
	return book, err
}

func (s *Suite) admitted(ctx context.Context, r role, o Options) (*change.Book, error) {
	src := s.feeds[r.name]
	if err := store.Migrate(ctx, s.engines[r.name], r.schema, s.keeper.Made, store.NoteTime(s.Clock.Simulated())); err != nil {
		return nil, err
	}
	err := s.engines[r.name].View(ctx, func(tx store.Tx) error { return store.CheckTime(tx, s.Clock.Simulated()) })
	if errors.Is(err, store.ErrOtherTime) {
		return nil, fmt.Errorf("%w: %s", err, clock.Doubt(s.config.Data, s.Clock.Simulated()))
	} else if err != nil {
		return nil, err
	}
	tokens, err := page.NewTokens(s.secrets[r.name].Derive("page tokens"))
	if err != nil {
		return nil, err
	}
	if err := s.observe(r.name, src.Engine, src.Log); err != nil {
		return nil, err
	}
	if err := s.keeper.Admit(ctx, r.name, s.recoverable(r.name)); err != nil {
		return nil, err
	}
	return &change.Book{
		Store: src.Engine, Log: src.Log, Indexes: r.schema.Indexes, Blobs: s.blobs, Now: s.Clock.Now, Clock: o.Now, NewID: newID,
		Pseudonym: s.secrets[r.name].Pseudonym(), Tokens: tokens,
		Validate: s.Process.Validate, Remote: s.directory.Remote, Prepared: s.prepared,
	}, nil
}

// openStores opens the stores of all roles that run here: of each log it is known what
// the others say of it before anything is written.
func (s *Suite) openStores(ctx context.Context, o Options) error {
	for _, r := range roles {
		if !s.here(r.name) {
			continue
		}
		engine, log, err := s.openStore(ctx, r, o)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		s.feeds[r.name] = feedserver.Source{Engine: engine, Log: log}
	}
	return nil
}

// openStore opens a role's engine and its log in the era that it is in, and holds one
// against the other. The engine is measured, and what stands between, if anything, as a
// part of it.
func (s *Suite) openStore(ctx context.Context, r role, o Options) (engine store.Engine, log *feed.Log, err error) {
	path := filepath.Join(s.config.Data, r.name+".db")
	engine, err = bolt.Open(path, bolt.Options{
		Reserve: s.config.Reserve << 20, Failed: s.fail,
		BeforeCommit: func(tx store.Tx) error { return log.Seal(tx) }, // nothing is committed before there is one
		OnCommit:     func() { s.keeper.Committed(log) },
	})
	if err != nil {
		return nil, nil, err
	}
	s.closers = append(s.closers, engine.Close)
	s.engines[r.name] = engine
	err = s.guarded(r.name, func() error {
		era, err := feed.EraOf(ctx, engine)
		if err != nil {
			return err
		}
		if log, err = feed.New(feed.Config{
			Name: r.name, Origin: s.config.Origin(r.name, era),
			Key: s.secrets[r.name].Signing(), Now: o.Now, Random: rand.Reader,
		}); err != nil {
			return err
		}
		return errors.Join(s.sound(ctx, engine, log), s.keeper.Learn(ctx, r.name, engine, log))
	})
	if err != nil {
		return nil, nil, err
	}
	if o.Engine != nil {
		engine = o.Engine(r.name, engine)
	}
	return s.telemetry.Engine(r.name, engine), log, nil
}

// newID is ordered by time, which keeps new records together in the store.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// fail ends the process: a commit met an I/O error, and what the store holds now
// only a new start can tell.
func (s *Suite) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Stores are those of the roles that run here, by role.
func (s *Suite) Stores() map[string]store.Engine {
	stores := map[string]store.Engine{}
	for role, source := range s.feeds {
		stores[role] = source.Engine
	}
	return stores
}
