package suite

import (
	"context"
	"crypto/rand"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// book opens what a role writes in.
func (s *Suite) book(ctx context.Context, r role, o Options) (*change.Book, error) {
	log, err := feed.New(feed.Config{
		Name: r.name, Origin: s.config.Origin(r.name),
		Key: s.secrets[r.name].Signing(), Now: o.Now, Random: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	engine, err := s.openStore(ctx, r, log, o.Engine)
	if err != nil {
		return nil, err
	}
	tokens, err := page.NewTokens(s.secrets[r.name].Derive("page tokens"))
	if err != nil {
		return nil, err
	}
	if err := s.observe(r.name, engine, log); err != nil {
		return nil, err
	}
	s.feeds[r.name] = feedserver.Source{Engine: engine, Log: log}
	s.takeBack(ctx, r.name)
	if err := s.hold(r.name); err != nil {
		return nil, err
	}
	return &change.Book{
		Store: engine, Log: log, Indexes: r.schema.Indexes, Blobs: s.blobs, Now: s.Clock.Now, Clock: o.Now, NewID: newID,
		Pseudonym: s.secrets[r.name].Pseudonym(), Tokens: tokens,
		Validate: s.Process.Validate, Remote: s.directory.Remote, Prepared: s.prepared,
	}, nil
}

// openStore opens a role's engine, holds its log against it and brings it to the role's
// schema. It is measured, and what stands between, if anything, as a part of it.
func (s *Suite) openStore(ctx context.Context, r role, log *feed.Log, between func(string, store.Engine) store.Engine) (store.Engine, error) {
	path := filepath.Join(s.config.Data, r.name+".db")
	engine, err := bolt.Open(path, bolt.Options{
		Reserve: s.config.Reserve << 20, BeforeCommit: log.Seal, OnCommit: s.committed(log), Failed: s.fail,
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, engine.Close)
	s.engines[r.name] = engine
	if err := bolt.Guard(path, func() error { return s.sound(ctx, engine, log) }); err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx, engine, r.schema); err != nil {
		return nil, err
	}
	if between != nil {
		engine = between(r.name, engine)
	}
	return s.telemetry.Engine(r.name, engine), nil
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
