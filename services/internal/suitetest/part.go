package suitetest

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/storetest"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// part is a process of the suite.
type part struct {
	*suite.Suite
	at   suite.Addresses
	stop func() error
}

// open builds a part on the simulated clock.
func (s *Suite) open(c suite.Config, o suite.Options) *part {
	s.T.Helper()
	o.Out, o.Simulate = s.T.Output(), Start
	if o.Now == nil {
		o.Now = time.Now
	}
	over := o.Engine
	o.Engine = func(role string, e store.Engine) store.Engine {
		e = storetest.Declared(s.T, e, suite.Schema(role))
		if over == nil {
			return e
		}
		return over(role, e)
	}
	built, err := suite.Open(s.T.Context(), c, o)
	if err != nil {
		s.T.Fatal(err)
	}
	return &part{Suite: built}
}

// begin lets the part serve until the end of the test or stop, and returns what
// waits until it does.
func (p *part) begin(t testing.TB) (await func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan suite.Addresses, 1)
	go func() { ended <- p.Suite.Run(ctx, func(a suite.Addresses) { ready <- a }) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		return errors.Join(err, p.formed(), p.Close())
	})
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("stopping the suite: %v", err)
		}
	})
	return func() {
		t.Helper()
		select {
		case p.at = <-ready:
		case err := <-ended:
			ended <- err
			t.Fatalf("starting the suite: %v", err)
		}
	}
}

func (p *part) run(t testing.TB) {
	t.Helper()
	p.begin(t)()
}

// SplitIn is RunIn with a process for each role.
func SplitIn(t testing.TB, folder string) *Suite {
	t.Helper()
	s := &Suite{T: t, Root: "units/root", Folder: folder, split: true}
	s.must(upkeep.Equip(s.keys(), suite.Default().Installation, time.Now(), suite.Roles()...))
	var err error
	s.addresses, err = fleet.Vacant(suite.Called()...) // to which Without comes back
	s.must(err)
	listeners := map[string]net.Listener{}
	for role, address := range s.addresses {
		listeners[role] = s.listen(address)
	}
	var await []func()
	for _, role := range suite.Roles() {
		p := s.role(role, listeners[role])
		s.parts = append(s.parts, p)
		await = append(await, p.begin(t))
	}
	for _, ready := range await {
		ready()
	}
	front := s.parts[len(s.parts)-1]
	s.Suite, s.conn = s.parts[0].Suite, pointing{front.Client(), t}
	s.HTTP, s.GRPC = "http://"+front.at.HTTP.String(), front.at.GRPC.String()
	return s
}

func (s *Suite) keys() string { return filepath.Join(s.Folder, seed.KeysFolder) }

func (s *Suite) listen(address string) net.Listener {
	s.T.Helper()
	l, err := net.Listen("tcp", address)
	s.must(err)
	return l
}

// role builds the process of a role.
func (s *Suite) role(role string, l net.Listener) *part {
	s.T.Helper()
	c := settings(filepath.Join(s.Folder, role))
	c.Peers = suite.Peers{Keys: s.keys(), Addresses: s.addresses}
	return s.open(c, suite.Options{Roles: []string{role}, Peers: l})
}

// Without does something while the process of a role does not run.
func (s *Suite) Without(role string, do func()) {
	s.T.Helper()
	i := slices.Index(suite.Roles(), role)
	s.must(s.parts[i].stop())
	do()
	s.parts[i] = s.role(role, s.listen(s.addresses[role]))
	s.parts[i].begin(s.T)()
}
