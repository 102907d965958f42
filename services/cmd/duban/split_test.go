package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

var errDown = fault.Of(faultv1.Reason_REASON_SERVICE_DOWN)

// TestOneProcessIsKilledWhileOthersGoOn: callers are told that a service is down,
// and repeat with their request ids; nothing acknowledged is lost, nothing is
// there twice, and what all processes leave agrees.
func TestOneProcessIsKilledWhileOthersGoOn(t *testing.T) {
	t.Parallel()
	s := sail(t)
	for role, needed := range map[string]bool{"rectification": true, "aggregation": false, "organization": true, "gateway": true} {
		t.Run(role, func(t *testing.T) {
			on := caller{dial(t, s.rpc), s.keys}
			l := newLoad(t, on, role)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			written := l.start(ctx, on, writers)
			l.goesOn(ctx, t)
			if err := s.Ship(role).Kill(); err != nil {
				t.Fatal(err)
			}
			if !needed {
				l.goesOn(ctx, t)
				cancel()
			}
			<-written
			if needed == (ctx.Err() != nil) {
				t.Errorf("callers were told %v", l.errs)
			}
			switch role {
			case "rectification":
				down(t, on, write{kind: aProblem, parent: l.ledger, text: "down"})
			case "organization":
				down(t, on, write{kind: aUnit, parent: l.parent, text: "down"})
			default:
				if slices.ContainsFunc(l.errs, isDown) {
					t.Errorf("callers were told %v", l.errs)
				}
			}
			if err := errors.Join(s.Begin(role), s.Ready(t.Context())); err != nil {
				t.Fatal(err)
			}
			l.found(t, on)
			l.kept(t, on)
			l.repeat(t, on)
			l.counted(t, on)
		})
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// found waits until all find a role that runs again: whoever met nobody there, the
// test itself too, looks again a second later.
func (l *load) found(t *testing.T, c caller) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	until := func(do func() error) {
		for err := do(); err != nil; err = do() {
			if feed.Pause(ctx, 10*time.Millisecond) != nil {
				t.Fatalf("the role is not found again: %v", err)
			}
		}
	}
	for _, kind := range everyKind {
		id := fmt.Sprintf("%s found %d", l.parent, kind)
		w := write{id: id, kind: kind, parent: l.parent, text: id}
		if kind == aProblem {
			w.parent = l.ledger
		}
		until(func() error {
			r, err := w.send(ctx, c)
			if err == nil {
				l.acked[r.GetName()] = savedAs(r)
			}
			return err
		})
	}
	until(func() error {
		_, err := c.figures().GetStatus(ctx, &aggregationv1.GetStatusRequest{Name: l.parent})
		return err
	})
}

// down waits until who calls a role that has ended is told that it is down: calls
// that were under way learn less.
func down(t *testing.T, c caller, w write) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := w.send(ctx, c)
		if isDown(err) {
			return
		}
		if err == nil || ctx.Err() != nil {
			t.Fatalf("without the role a caller is told %v", err)
		}
		<-time.After(time.Millisecond)
	}
}

func isDown(err error) bool { return errors.Is(serve.FromStatus(err), errDown) }

// ships is an installation of one process for each role.
type ships struct {
	*fleet.Installation
	rpc  string
	keys admins
}

// sail starts one, as it is set, which ends with the test.
func sail(t *testing.T, set ...func(*suite.Config)) *ships {
	t.Helper()
	clients := suitetest.OK[map[string]string](t)(fleet.Vacant("rest", "grpc"))
	c := settings("")
	for _, do := range set {
		do(&c)
	}
	c.HTTP, c.GRPC, c.Telemetry.LogLevel = clients["rest"], clients["grpc"], "error"
	f := fleet.New(os.Args[0], t.Output(), envChild+"=1")
	i := suitetest.OK[*fleet.Installation](t)(fleet.Lay(f, t.TempDir(), c, time.Now()))
	t.Cleanup(func() { _ = i.Stop() }) // the test may have stopped it
	key := suitetest.OK[string](t)(i.Launch(t.Context()))
	return &ships{i, c.GRPC, initializeOn(t, dial(t, c.GRPC), key)}
}

// TestAFleetEndsWithItsShips: a process that ends by itself is noticed, and the
// others end when they are told to.
func TestAFleetEndsWithItsShips(t *testing.T) {
	t.Parallel()
	s := sail(t)
	if err := s.Ship("campaign").Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.Lost():
		t.Log(err)
	case <-time.After(patience):
		t.Error("nobody noticed that a process has ended")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopping the others: %v", err)
	}
}
