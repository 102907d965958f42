// Package suitetest starts the suite for a test: every role in one process, on
// real stores in a temporary folder, on a simulated clock, with a root unit and
// its administrators. Tests call it as its users do, with keys.
package suitetest

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
)

// Start is the first time of every suite that a test starts.
var Start = time.Date(2026, 2, 9, 1, 0, 0, 0, time.UTC)

// Suite is a running suite.
type Suite struct {
	*suite.Suite
	T    testing.TB
	Root string // units/root
	HTTP string // http://127.0.0.1:port
	GRPC string // 127.0.0.1:port

	// The administrators' keys.
	SystemAdmin, SecurityAdmin, Auditor string

	conn grpc.ClientConnInterface
	stop func() error
}

// Run starts a suite in a new folder and sets it up.
func Run(t testing.TB) *Suite {
	t.Helper()
	return RunNew(t, t.TempDir())
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
	c := suite.Default()
	c.Data, c.HTTP, c.GRPC = folder, "127.0.0.1:0", "127.0.0.1:0"
	c.Metrics, c.Telemetry.LogLevel = "127.0.0.1:0", "warn"
	c.Limits.Rate, c.Limits.Burst = 1e6, 1e6
	c.Webhooks.AllowLoopback = true
	built, err := suite.Open(t.Context(), c, suite.Options{
		Out: t.Output(), Now: time.Now, Simulate: Start,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &Suite{Suite: built, T: t, Root: "units/root", conn: built.Client()}
	s.run()
	return s
}

func (s *Suite) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan suite.Addresses, 1)
	go func() { ended <- s.Suite.Run(ctx, func(a suite.Addresses) { ready <- a }) }()
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-ended
		if closed := s.Suite.Close(); err == nil {
			err = closed
		}
		return err
	}
	s.T.Cleanup(func() {
		if err := s.stop(); err != nil {
			s.T.Errorf("stopping the suite: %v", err)
		}
	})
	select {
	case at := <-ready:
		s.HTTP, s.GRPC = "http://"+address(at.HTTP), address(at.GRPC)
	case err := <-ended:
		s.T.Fatalf("starting the suite: %v", err)
	}
}

func address(a net.Addr) string { return a.String() }

// Stop stops the suite, so that its folder may be opened again.
func (s *Suite) Stop() {
	s.T.Helper()
	if err := s.stop(); err != nil {
		s.T.Fatalf("stopping the suite: %v", err)
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

// Initialize sets up a suite that RunIn started in a new folder.
func (s *Suite) Initialize() {
	s.T.Helper()
	answer, err := s.Organization(s.Bootstrap).Initialize(s.T.Context(), &organizationv1.InitializeRequest{
		Root:        &organizationv1.Unit{DisplayName: "演示省教育厅", Kind: organizationv1.Unit_KIND_PROVINCE},
		RootId:      "root",
		SystemAdmin: "系统管理员", SecurityAdmin: "安全管理员", Auditor: "审计员",
	})
	s.must(err)
	s.SystemAdmin, s.SecurityAdmin, s.Auditor = answer.GetSystemAdmin().GetSecret(), answer.GetSecurityAdmin().GetSecret(), answer.GetAuditor().GetSecret()
}

func (s *Suite) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// Unit creates a unit beneath a parent and returns its name.
func (s *Suite) Unit(id, parent string, kind organizationv1.Unit_Kind) string {
	s.T.Helper()
	u, err := s.Organization(s.SystemAdmin).CreateUnit(s.T.Context(), &organizationv1.CreateUnitRequest{
		UnitId: id, Unit: &organizationv1.Unit{DisplayName: "演示单位 " + id, Kind: kind, Parent: parent},
	})
	s.must(err)
	return u.GetName()
}

// Person is somebody who can call.
type Person struct {
	Name string // units/{unit}/members/{member}
	Key  string
}

// Person enters a person into a unit, grants the roles there and issues a key.
func (s *Suite) Person(unit string, roles ...accessv1.Role) Person {
	s.T.Helper()
	m, err := s.Organization(s.SystemAdmin).CreateMember(s.T.Context(), &organizationv1.CreateMemberRequest{
		Parent: unit, Member: &organizationv1.Member{DisplayName: "演示人员"},
	})
	s.must(err)
	return Person{m.GetName(), s.principal(m.GetName(), unit, roles)}
}

// Machine registers a machine that a unit answers for.
func (s *Suite) Machine(unit string, roles ...accessv1.Role) Person {
	s.T.Helper()
	m, err := s.Organization(s.SystemAdmin).CreateMachine(s.T.Context(), &organizationv1.CreateMachineRequest{
		Machine: &organizationv1.Machine{DisplayName: "演示系统", Unit: unit},
	})
	s.must(err)
	return Person{m.GetName(), s.principal(m.GetName(), unit, roles)}
}

// principal grants the roles on the unit and returns a key.
func (s *Suite) principal(name, unit string, roles []accessv1.Role) string {
	s.T.Helper()
	for _, role := range roles {
		s.Grant(name, unit, role)
	}
	k, err := s.Organization(s.SecurityAdmin).CreateApiKey(s.T.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: name},
	})
	s.must(err)
	return k.GetSecret()
}

// Grant grants a role on a unit and returns the grant's name.
func (s *Suite) Grant(principal, unit string, role accessv1.Role) string {
	s.T.Helper()
	g, err := s.Organization(s.SecurityAdmin).CreateRoleGrant(s.T.Context(), &organizationv1.CreateRoleGrantRequest{
		RoleGrant: &organizationv1.RoleGrant{Principal: principal, Role: role, Unit: unit},
	})
	s.must(err)
	return g.GetName()
}

// SetTime moves the clock forward.
func (s *Suite) SetTime(now time.Time) {
	s.T.Helper()
	_, err := clockv1.NewClockServiceClient(s.As(s.SystemAdmin)).SetClock(s.T.Context(), &clockv1.SetClockRequest{Now: timestamppb.New(now)})
	s.must(err)
}

// CatchUp returns when every right that was taken away so far is refused: what
// was given holds at once, what was taken follows a moment later.
func (s *Suite) CatchUp() {
	s.T.Helper()
	s.must(s.Process().Tree.CatchUp(s.T.Context()))
}
