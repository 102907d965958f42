// Package suite puts the process together: which roles there are, what each is
// built from and whom it calls. The command starts it, tests start it, and
// neither knows more than this package shows. What a role does is in its
// service; how calls are made and stopped is in package serve.
package suite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authn/oidc"
	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/directory"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/marks"
	"github.com/duban-project/duban/services/internal/network"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/papers"
	"github.com/duban-project/duban/services/internal/reach"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/telemetry"
)

// Suite is a built process that has not been run.
type Suite struct {
	// Bootstrap is the bootstrap key, until BootstrapShown; then it is empty.
	Bootstrap string
	// Clock is the installation's time.
	Clock *clock.Clock
	// Process runs the services.
	Process *serve.Process

	config    Config
	roles     []string // that run here
	whole     bool     // all do
	pushes    []string // own feeds that go upward
	telemetry *telemetry.Telemetry
	directory *directory.Directory
	secrets   map[string]seed.Role
	papers    map[string]*papers.Paper
	network   *reach.Network
	peers     net.Listener
	blobs     *blob.Store
	feeds     map[string]feedserver.Source
	mirrors   func(context.Context, string) (feedserver.Source, error)
	marks     *marks.Marks
	restored  *recovery.Restored
	bundles   http.Handler            // for operators, if federation runs here
	engines   map[string]store.Engine // as they were opened, to be copied
	closers   []func() error
	failed    chan error
	sandbox   bool
	shown     func(context.Context) error
}

// BlobsFolder is where files lie in the data folder.
const BlobsFolder = "blobs"

// Options are what a process gets from outside its configuration.
type Options struct {
	// Out is where the log goes, one JSON object a line.
	Out io.Writer
	// Now is real time.
	Now func() time.Time
	// Simulate is the first time of a simulation; zero for real time.
	Simulate time.Time
	// Sandbox makes an empty data folder a sandbox, for ever.
	Sandbox bool
	// Roles are those that the process runs; none: all.
	Roles []string
	// Peers, if set, is where other processes call, instead of Config.Peers.Listen.
	Peers net.Listener
	// Engine, if set, stands between a role and its engine, to measure or disturb.
	Engine func(role string, e store.Engine) store.Engine
}

// Open builds a process with the roles. What it opened is closed again if a
// later part fails.
func Open(ctx context.Context, c Config, o Options) (*Suite, error) {
	s := &Suite{config: c, peers: o.Peers, feeds: map[string]feedserver.Source{}, engines: map[string]store.Engine{}, failed: make(chan error, 1)}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Suite) open(ctx context.Context, o Options) error {
	if err := s.choose(o.Roles); err != nil {
		return err
	}
	if err := s.openFolder(o); err != nil {
		return err
	}
	if err := s.openTelemetry(ctx, o.Out); err != nil {
		return err
	}
	if err := s.openProcess(o.Now); err != nil {
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	if len(s.roles) == 1 && s.here(Gateway) {
		return nil
	}
	s.wire(o.Now)
	return s.addRoles(ctx, o)
}

// openFolder opens what lies in the data folder, but for the stores of the roles.
func (s *Suite) openFolder(o Options) (err error) {
	c := s.config
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if err := backup.Whole(c.Data); err != nil {
		return err
	}
	if s.Clock, err = clock.Open(c.Data, o.Simulate, o.Now); err != nil {
		return err
	}
	if s.sandbox, err = openSandbox(c.Data, o.Sandbox); err != nil {
		return err
	}
	if s.secrets, err = c.secrets(s.roles); err != nil {
		return err
	}
	if s.blobs, err = blob.Open(filepath.Join(c.Data, BlobsFolder), c.Reserve<<20); err != nil {
		return err
	}
	if s.marks, err = marks.Open(c.Data); err != nil {
		return err
	}
	s.closers = append(s.closers, spared("noting how long the logs are", s.marks.Close)) // after the stores
	s.restored, err = recovery.OpenRestored(c.Data, c.Federation.above())
	return err
}

func (s *Suite) openTelemetry(ctx context.Context, out io.Writer) (err error) {
	if s.telemetry, err = telemetry.Setup(ctx, s.config.Telemetry, out); err != nil {
		return err
	}
	s.closers = append(s.closers, spared("the newest spans are lost", s.flush))
	return s.telemetry.Disk(s.disk, s.config.Reserve<<20)
}

func (s *Suite) openProcess(now func() time.Time) (err error) {
	if s.Process, err = serve.New(s.telemetry.Log, s.config.Limits); err != nil {
		return err
	}
	s.Process.Grace = s.config.Grace
	s.Process.Public, s.Process.Served, s.Process.Made = s.telemetry.Handlers()
	s.Process.Prepared, s.Process.Simulated, s.Process.Sandbox = s.prepared, s.Clock.Simulated, s.sandbox
	s.Process.Network = (&network.Veil{Now: now}).Of
	return nil
}

// wire connects the steps with the services that they ask.
func (s *Suite) wire(now func() time.Time) {
	self := s.Conn(s.self())
	organization := organizationv1.NewOrganizationServiceClient(self)
	tokens := oidc.New(s.config.Identity.Issuers, now, s.telemetry.Log)
	keys := &authn.Keys{Now: now, Form: s.form(), Verify: tokens.Verify, Sign: s.config.Identity.KeysSign, Introspect: func(ctx context.Context, req *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
		return organization.Introspect(ctx, req)
	}}
	s.directory = directory.New(feedv1.NewFeedServiceClient(self), now)
	s.directory.Key = keys.Heard
	s.Process.Authenticate = keys.Authenticate
	s.Process.Tree = s.directory
}

func (s *Suite) addRoles(ctx context.Context, o Options) error {
	for _, r := range roles {
		if s.present(r.name) {
			s.pushes = append(s.pushes, r.name)
		}
	}
	for _, r := range roles {
		if !s.here(r.name) {
			continue
		}
		book, err := s.book(ctx, r, o)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		service, err := r.build(ctx, s, book)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		if err := s.Process.Add(service); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return errors.Join(
		s.Process.Add(&feedserver.Service{Sources: s.feeds, Stopping: s.Process.Stopping(), Mirrors: s.mirrors}),
		s.Process.Add(s.recovery()),
		s.Process.Add(s.Clock),
		s.Process.Add(s.marks),
		s.Process.Add(s.follower()),
	)
}

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
		Validate: s.Process.Validate, Remote: s.directory.Remote,
	}, nil
}

// openStore opens a role's engine, holds its log against it and brings it to the role's
// schema. It is measured, and what stands between, if anything, as a part of it.
func (s *Suite) openStore(ctx context.Context, r role, log *feed.Log, between func(string, store.Engine) store.Engine) (store.Engine, error) {
	engine, err := bolt.Open(filepath.Join(s.config.Data, r.name+".db"), bolt.Options{
		Reserve: s.config.Reserve << 20, BeforeCommit: log.Seal, OnCommit: s.committed(log), Failed: s.fail,
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, engine.Close)
	s.engines[r.name] = engine
	if err := s.sound(ctx, engine, log); err != nil {
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

// BootstrapLine begins the line that a process prints the bootstrap key on.
const BootstrapLine = "bootstrap key (shown this once): "

// BootstrapShown notes that the operator has been shown the bootstrap key: no
// later start has it again.
func (s *Suite) BootstrapShown(ctx context.Context) error { return s.shown(ctx) }

// Roles are those that run here.
func (s *Suite) Roles() []string { return s.roles }

// Log is the process's log.
func (s *Suite) Log() *slog.Logger { return s.telemetry.Log }

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

// spared is what a stop can do without: what becomes of it is logged, and the process
// has stopped well all the same. Whatever the data need is in the stores.
func spared(what string, do func() error) func() error {
	return func() error {
		if err := do(); err != nil {
			slog.Warn(what, "error", err)
		}
		return nil
	}
}

// Close closes what Open opened, in reverse.
func (s *Suite) Close() (err error) {
	for _, c := range slices.Backward(s.closers) {
		err = errors.Join(err, c())
	}
	s.closers = nil
	return err
}

// Stores are those of the roles that run here, by role.
func (s *Suite) Stores() map[string]store.Engine {
	stores := map[string]store.Engine{}
	for role, source := range s.feeds {
		stores[role] = source.Engine
	}
	return stores
}
