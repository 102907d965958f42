package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/papers"
	"github.com/duban-project/duban/services/internal/reach"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/serve"
)

// Gateway is the role that clients call. It has no store and passes calls on.
const Gateway = "gateway"

// process is who calls for the process itself where all roles run in it.
const process = "process"

// here says whether the role runs in this process.
func (s *Suite) here(role string) bool { return slices.Contains(s.roles, role) }

// connect makes the ways to the roles, in this process and in others.
func (s *Suite) connect() error {
	s.papers = map[string]*papers.Paper{}
	if c := s.config.Peers; c.Listen != "" || s.peers != nil || len(c.Addresses) > 0 {
		for _, role := range s.roles {
			p, err := papers.Open(filepath.Join(c.Keys, role), s.config.Installation, role, s.Log())
			if err != nil {
				return fmt.Errorf("%w: peers.keys: %w", config.ErrWrong, err)
			}
			s.papers[role] = p
		}
	}
	s.network = &reach.Network{
		Roles: Called(), Here: s.here, Local: s.Process.Conn, Addresses: s.config.Peers.Addresses,
		Credentials: s.passport, Message: s.config.Limits.Message, Made: s.Process.Made,
	}
	s.closers = append(s.closers, s.network.Close)
	return nil
}

// secrets are those of the roles: the seed's or, as it is configured, those that the
// process was handed.
func (c Config) secrets(roles []string) (map[string]seed.Role, error) {
	secrets, err := seed.Roles(c.Data, c.Peers.Keys, roles)
	if err != nil && c.Peers.Keys != "" {
		return nil, fmt.Errorf("%w: peers.keys: %w", config.ErrWrong, err)
	}
	return secrets, err
}

// passport is what this process shows to another role when as calls it. Clients'
// calls are the gateway's to make.
func (s *Suite) passport(as, role string) credentials.TransportCredentials {
	if as == "" {
		as = Gateway
	}
	if s.papers[as] == nil {
		as = s.roles[0]
	}
	return s.papers[as].Client(role)
}

// Client returns a connection on which calls are a client's.
func (s *Suite) Client() grpc.ClientConnInterface { return s.Conn("") }

// Conn returns a connection on which calls are made by the role, to whatever role
// answers for them.
func (s *Suite) Conn(role string) grpc.ClientConnInterface {
	if s.whole {
		return s.Process.Conn(role)
	}
	return s.network.Conn(role)
}

// self is who calls for the process itself.
func (s *Suite) self() string {
	if s.whole {
		return process
	}
	return s.roles[0]
}

// peerDoor is where other processes call.
func (s *Suite) peerDoor() serve.Door {
	var own []*papers.Paper
	for _, role := range s.roles {
		own = append(own, s.papers[role])
	}
	return serve.Door{Credentials: papers.Server(own...), Caller: func(ctx context.Context) string {
		if role := papers.Caller(ctx, s.config.Installation); role != Gateway {
			return role
		}
		return "" // what the gateway passes on is a client's
	}}
}

// present says whether the installation has the role, here or elsewhere.
func (s *Suite) present(role string) bool {
	return s.here(role) || s.config.Peers.Addresses[role] != ""
}

// prepared returns when the process can decide about calls.
func (s *Suite) prepared(ctx context.Context) error {
	if s.directory != nil {
		if err := s.directory.Prepared(ctx); err != nil {
			return err
		}
	}
	if s.here("organization") {
		return nil
	}
	return s.agree(ctx)
}

var errOtherTime = errors.New("organization and this process do not go by the same clock: one is a simulation")

// agree brings a simulation's time up to that of organization, which may have been
// set while this process did not run.
func (s *Suite) agree(ctx context.Context) error {
	clocks := clockv1.NewClockServiceClient(s.network.To(s.self(), "organization"))
	for {
		is, err := clocks.GetClock(ctx, &clockv1.GetClockRequest{})
		switch {
		case err != nil:
			if err := feed.Pause(ctx, asking); err != nil {
				return err
			}
		case is.GetSimulated() != s.Clock.Simulated():
			return errOtherTime
		case is.GetSimulated() && is.GetNow().AsTime().After(s.Clock.Now()):
			return s.Clock.Set(is.GetNow().AsTime())
		default:
			return nil
		}
	}
}

// asking is the pause between questions to a service that does not run yet.
const asking = 50 * time.Millisecond

// choose takes the roles to run; none means all.
func (s *Suite) choose(wanted []string) error {
	if len(wanted) == 0 {
		wanted = Roles()
	}
	for _, role := range wanted {
		if strings.HasPrefix(role, "-") {
			return fmt.Errorf("%w: %s comes behind a role: options come first", config.ErrWrong, role)
		}
		if !slices.Contains(Roles(), role) {
			return fmt.Errorf("%w: there is no role %q; there are %v", config.ErrWrong, role, Roles())
		}
	}
	s.roles = slices.DeleteFunc(Roles(), func(role string) bool { return !slices.Contains(wanted, role) })
	s.whole = len(s.roles) == len(Roles())
	return nil
}
