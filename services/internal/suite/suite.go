// Package suite puts the process together: which roles there are, what each is
// built from and whom it calls. The command starts it, tests start it, and
// neither knows more than this package shows. What a role does is in its
// service; how calls are made and stopped is in package serve.
package suite

import (
	"context"
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

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authn/oidc"
	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/directory"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/intact"
	"github.com/duban-project/duban/services/internal/network"
	"github.com/duban-project/duban/services/internal/papers"
	"github.com/duban-project/duban/services/internal/reach"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/store"
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
	days      *calendar.Calendar
	telemetry *telemetry.Telemetry
	directory *directory.Directory
	secrets   map[string]seed.Role
	papers    map[string]*papers.Paper
	network   *reach.Network
	peers     net.Listener
	blobs     *blob.Store
	feeds     map[string]feedserver.Source
	mirrors   func(context.Context, string) (feedserver.Source, error)
	keeper    *intact.Keeper
	bundles   http.Handler            // for operators, if federation runs here
	engines   map[string]store.Engine // as they were opened, to be copied
	closers   []func() error
	failed    chan error
	sandbox   bool
	shown     func(context.Context) error
	readmit   func(ctx context.Context, principal string, lost bool) (*organizationv1.IssuedApiKey, error)
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
	// Days, if set, are the holidays that are announced, instead of those that ship.
	Days *calendar.Calendar
	// Engine, if set, stands between a role and its engine, to measure or disturb.
	Engine func(role string, e store.Engine) store.Engine
}

// Open builds a process with the roles. What it opened is closed again if a
// later part fails.
func Open(ctx context.Context, c Config, o Options) (*Suite, error) {
	s := &Suite{config: c, peers: o.Peers, days: o.Days, feeds: map[string]feedserver.Source{}, engines: map[string]store.Engine{}, failed: make(chan error, 1)}
	if s.days == nil {
		s.days = calendar.Builtin()
	}
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
	if s.Clock, err = clock.Open(c.Data, o.Simulate, o.Now); errors.Is(err, clock.ErrReal) {
		return fmt.Errorf("%w: -simulate: %w", config.ErrWrong, err)
	} else if err != nil {
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
	if s.keeper, err = intact.Open(c.Data); err != nil {
		return err
	}
	s.keeper.Above = c.Federation.above()
	s.closers = append(s.closers, spared("noting how long the logs are", s.keeper.Marks.Close)) // after the stores
	return nil
}

func (s *Suite) openTelemetry(ctx context.Context, out io.Writer) (err error) {
	if s.telemetry, err = telemetry.Setup(ctx, s.config.Telemetry, out); err != nil {
		return err
	}
	s.keeper.Out = s.telemetry.Log
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
	s.directory.Today = func() string { return calendar.On(s.Clock.Now()).String() }
	s.Process.Authenticate = keys.Authenticate
	s.Process.Tree = s.directory
}

func (s *Suite) addRoles(ctx context.Context, o Options) error {
	for _, r := range roles {
		if s.present(r.name) {
			s.pushes = append(s.pushes, r.name)
		}
	}
	if err := s.openStores(ctx, o); err != nil {
		return err
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
		s.Process.Add(s.keeper.Marks),
		s.Process.Add(s.follower()),
	)
}

// BootstrapLine begins the line that a process prints the bootstrap key on.
const BootstrapLine = "bootstrap key (shown this once): "

// BootstrapShown notes that the operator has been shown the bootstrap key: no
// later start has it again.
func (s *Suite) BootstrapShown(ctx context.Context) error { return s.shown(ctx) }

// Readmit issues a key to a security administrator of the root, the only one if none is
// named, when none has one that holds, or those that hold were lost. Organization MUST be
// among the roles, and the suite MUST NOT have run.
func (s *Suite) Readmit(ctx context.Context, principal string, lost bool) (*organizationv1.IssuedApiKey, error) {
	return s.readmit(ctx, principal, lost)
}

// Roles are those that run here.
func (s *Suite) Roles() []string { return s.roles }

// Log is the process's log.
func (s *Suite) Log() *slog.Logger { return s.telemetry.Log }

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
