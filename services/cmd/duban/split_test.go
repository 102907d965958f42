package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/serve"
)

var errDown = fault.Of(faultv1.Reason_REASON_SERVICE_DOWN)

// TestOneProcessIsKilledWhileOthersGoOn: callers are told that a service is down,
// and repeat with their request ids; nothing acknowledged is lost, nothing is
// there twice, and what all processes leave agrees.
func TestOneProcessIsKilledWhileOthersGoOn(t *testing.T) {
	s := sail(t)
	for _, role := range []string{"rectification", "aggregation", "organization", "gateway"} {
		t.Run(role, func(t *testing.T) {
			on := caller{dial(t, s.rpc), s.keys}
			l := newLoad(t, on, role)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			written := l.start(ctx, on, writers)
			<-time.After(100 * time.Millisecond)
			if err := s.ships[role].Kill(); err != nil {
				t.Fatal(err)
			}
			<-time.After(300 * time.Millisecond)
			cancel() // those who need nothing of the role
			<-written
			if down := slices.ContainsFunc(l.errs, isDown); down != (role == "rectification" || role == "organization") {
				t.Errorf("callers were told %v", l.errs)
			}
			s.again(role)
			l.kept(t, on)
			l.repeat(t, on)
			l.counted(t, on)
		})
	}
	if err := s.fleet.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.check(t.Context(), io.Discard); err != nil {
		t.Error(err)
	}
}

func isDown(err error) bool { return errors.Is(serve.FromStatus(err), errDown) }

// ships is an installation of one process for each role.
type ships struct {
	*port
	t     *testing.T
	fleet *fleet.Fleet
	ships map[string]*fleet.Ship
	rpc   string
	keys  admins
}

// sail starts one, which ends with the test.
func sail(t *testing.T) *ships {
	t.Helper()
	clients, err := vacant("rest", "grpc")
	if err != nil {
		t.Fatal(err)
	}
	h, err := harbour(t.TempDir(), clients["rest"], clients["grpc"])
	if err != nil {
		t.Fatal(err)
	}
	s := &ships{port: h, t: t, rpc: clients["grpc"]}
	s.fleet = &fleet.Fleet{Program: h.program, Env: []string{envChild + "=1"}, Log: t.Output(), Grace: stopTime}
	t.Cleanup(func() { _ = s.fleet.Stop() }) // the test may have stopped it
	key, started, err := h.launch(t.Context(), s.fleet)
	if err != nil {
		t.Fatal(err)
	}
	s.ships = started
	s.keys = initializeOn(t, dial(t, s.rpc), key)
	return s
}

// again starts a role that was killed, and waits until all serve.
func (s *ships) again(role string) {
	s.t.Helper()
	var err error
	if s.ships[role], err = s.start(s.fleet, role); err != nil {
		s.t.Fatal(err)
	}
	if err := s.ready(s.t.Context(), s.fleet); err != nil {
		s.t.Fatal(err)
	}
}

// TestAFleetEndsWithItsShips: a process that ends by itself is noticed, and the
// others end when they are told to.
func TestAFleetEndsWithItsShips(t *testing.T) {
	s := sail(t)
	if err := s.ships["campaign"].Terminate(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.fleet.Lost():
		t.Log(err)
	case <-time.After(patience):
		t.Error("nobody noticed that a process has ended")
	}
	if err := s.fleet.Stop(); err != nil {
		t.Errorf("stopping the others: %v", err)
	}
}
