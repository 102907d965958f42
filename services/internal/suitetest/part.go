package suitetest

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/suite"
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
	o.Out, o.Now, o.Simulate = s.T.Output(), time.Now, Start
	built, err := suite.Open(s.T.Context(), c, o)
	if err != nil {
		s.T.Fatal(err)
	}
	p := &part{Suite: built}
	s.parts = append(s.parts, p)
	return p
}

// begin lets the part serve until the end of the test or stop, and returns what
// waits until it does.
func (p *part) begin(t testing.TB) (await func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan suite.Addresses, 1)
	go func() { ended <- p.Suite.Run(ctx, func(a suite.Addresses) { ready <- a }) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, p.Close())
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
	keys := filepath.Join(folder, "keys")
	s.must(suite.Equip(keys, suite.Default().Installation, time.Now(), suite.Roles()...))
	listeners, addresses := map[string]net.Listener{}, map[string]string{}
	for _, role := range suite.Roles() {
		if role == suite.Gateway {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		s.must(err)
		listeners[role], addresses[role] = l, l.Addr().String()
	}
	var await []func()
	for _, role := range suite.Roles() {
		c := settings(filepath.Join(folder, role))
		c.Peers = suite.Peers{Keys: keys, Addresses: addresses}
		p := s.open(c, suite.Options{Roles: []string{role}, Peers: listeners[role]})
		await = append(await, p.begin(t))
	}
	for _, ready := range await {
		ready()
	}
	front := s.parts[len(s.parts)-1]
	s.Suite, s.conn = s.parts[0].Suite, front.Client()
	s.HTTP, s.GRPC = "http://"+front.at.HTTP.String(), front.at.GRPC.String()
	return s
}
