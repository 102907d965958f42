// Package suitetest starts the suite for a test, on real stores in a temporary
// folder, on a simulated clock, with a root unit and its administrators: every
// role in one process or, if the test asks for it or DUBAN_TEST_SPLIT is set,
// each role in a process of its own as far as a test can tell, with TCP and
// certificates between them. Tests call it as its users do, with keys.
package suitetest

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// Start is the first time of every suite that a test starts.
var Start = time.Date(2026, 2, 9, 1, 0, 0, 0, time.UTC)

// Suite is a running suite.
type Suite struct {
	*suite.Suite // the process that runs organization
	T            testing.TB
	Root         string // units/root
	HTTP         string // http://127.0.0.1:port
	GRPC         string // 127.0.0.1:port
	Folder       string // of the data
	Below        string // where installations below push to by TLS, if anywhere

	// The administrators' keys.
	SystemAdmin, SecurityAdmin, Auditor string

	split     bool
	addresses map[string]string // of the roles, if it is split
	parts     []*part
	conn      grpc.ClientConnInterface
}

// Run starts a suite in a new folder and sets it up.
func Run(t testing.TB) *Suite {
	t.Helper()
	return RunNew(t, t.TempDir())
}

// Split is Run with a process for each role.
func Split(t testing.TB) *Suite {
	t.Helper()
	s := SplitIn(t, t.TempDir())
	s.Initialize()
	return s
}

// RunNew starts a suite in an empty folder and sets it up.
func RunNew(t testing.TB, folder string) *Suite {
	t.Helper()
	s := RunIn(t, folder)
	s.Initialize()
	return s
}

// RunIn starts a suite on the data in folder, which may be there already. It is
// stopped at the end of the test, or by Stop.
func RunIn(t testing.TB, folder string) *Suite {
	t.Helper()
	if os.Getenv("DUBAN_TEST_SPLIT") != "" {
		return SplitIn(t, folder)
	}
	return RunAs(t, folder, func(*suite.Config) {})
}

// RunWith starts a suite with another configuration, in one process and a new
// folder, and sets it up.
func RunWith(t testing.TB, set func(*suite.Config)) *Suite {
	t.Helper()
	s := RunAs(t, t.TempDir(), set)
	s.Initialize()
	return s
}

// RunOver is Run in one process, with over between each role and its engine.
func RunOver(t testing.TB, over func(role string, e store.Engine) store.Engine) *Suite {
	t.Helper()
	s := runAs(t, settings(t.TempDir()), suite.Options{Engine: over})
	s.Initialize()
	return s
}

// RunOnDays is RunIn in one process, with other holidays than those that ship.
func RunOnDays(t testing.TB, folder string, days *calendar.Calendar) *Suite {
	t.Helper()
	return runAs(t, settings(folder), suite.Options{Days: days})
}

// RunAs is RunIn in one process, with a configuration that set has changed.
func RunAs(t testing.TB, folder string, set func(*suite.Config)) *Suite {
	t.Helper()
	c := settings(folder)
	set(&c)
	return runAs(t, c, suite.Options{})
}

// RunOn is RunAs on a real time that the test hands in: for what is decided by it,
// so that neither midnight nor a slow machine decides instead.
func RunOn(t testing.TB, folder string, now func() time.Time, set func(*suite.Config)) *Suite {
	t.Helper()
	c := settings(folder)
	set(&c)
	return runAs(t, c, suite.Options{Now: now})
}

func runAs(t testing.TB, c suite.Config, o suite.Options) *Suite {
	t.Helper()
	s := &Suite{T: t, Root: "units/root", Folder: c.Data}
	p := s.open(c, o)
	s.Suite, s.conn, s.parts = p.Suite, pointing{p.Client(), t}, []*part{p}
	p.run(t)
	s.HTTP, s.GRPC = "http://"+p.at.HTTP.String(), p.at.GRPC.String()
	if p.at.Below != nil {
		s.Below = p.at.Below.String()
	}
	return s
}

// settings are those of a process that runs every role.
func settings(folder string) suite.Config {
	c := suite.Default()
	c.Data, c.HTTP, c.GRPC = folder, "127.0.0.1:0", "127.0.0.1:0"
	c.Metrics, c.Telemetry.LogLevel = "127.0.0.1:0", "warn"
	c.Limits.Rate, c.Limits.Burst = 1e6, 1e6
	c.Webhooks.AllowLoopback = true
	return c
}

// Methods returns every method that the suite serves.
func (s *Suite) Methods() []*authz.Method {
	all := map[string]*authz.Method{}
	for _, p := range s.parts {
		for _, m := range p.Process.Methods() {
			all[m.FullName] = m
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b *authz.Method) int { return strings.Compare(a.FullName, b.FullName) })
}

// Store is the file of a role's store.
func (s *Suite) Store(role string) string {
	if s.split {
		return filepath.Join(s.Folder, role, role+".db")
	}
	return filepath.Join(s.Folder, role+".db")
}

// Stores are those of all roles, by role, whichever process has them.
func (s *Suite) Stores() map[string]store.Engine {
	stores := map[string]store.Engine{}
	for _, p := range s.parts {
		maps.Copy(stores, p.Suite.Stores())
	}
	return stores
}

// Of returns the process that runs the role.
func (s *Suite) Of(role string) *suite.Suite {
	if s.split {
		return s.parts[slices.Index(suite.Roles(), role)].Suite
	}
	return s.Suite
}

// Conn returns a connection on which calls are made by the role.
func (s *Suite) Conn(role string) grpc.ClientConnInterface { return s.Of(role).Conn(role) }

// Client returns a connection on which calls are a client's.
func (s *Suite) Client() grpc.ClientConnInterface { return s.conn }

// Stop stops the suite, so that its folder may be opened again.
func (s *Suite) Stop() {
	s.T.Helper()
	for _, p := range slices.Backward(s.parts) {
		if err := p.stop(); err != nil {
			s.T.Fatalf("stopping the suite: %v", err)
		}
	}
}

// As returns a connection on which calls carry the key.
func (s *Suite) As(key string) grpc.ClientConnInterface { return keyed{s.conn, key} }

// keyed adds a key to every call.
type keyed struct {
	grpc.ClientConnInterface
	key string
}

func (k keyed) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	if k.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+k.key)
	}
	return k.ClientConnInterface.Invoke(ctx, method, req, resp, opts...)
}

// Organization returns the organization service, called with the key.
func (s *Suite) Organization(key string) organizationv1.OrganizationServiceClient {
	return organizationv1.NewOrganizationServiceClient(s.As(key))
}

// SetTime moves the clock forward.
func (s *Suite) SetTime(now time.Time) {
	s.T.Helper()
	_, err := clockv1.NewClockServiceClient(s.As(s.SystemAdmin)).SetClock(s.T.Context(), &clockv1.SetClockRequest{Now: timestamppb.New(now)})
	s.must(err)
}

func (s *Suite) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}
