package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
)

// starts is how long a role's process took from exec until it served, in a round.
type starts map[string]time.Duration

// heaps are the bytes that live in a role's process after a collection.
type heaps map[string]uint64

// processes is what was measured of processes on a large store.
type processes struct {
	started []starts // by round
	live    []heaps
}

// measureProcesses takes the store of a world that has been stopped apart, gives
// each role its part, and starts a process for each.
func measureProcesses(ctx context.Context, p plan, w *world, folder string) (all processes, err error) {
	apart, err := os.MkdirTemp(filepath.Dir(folder), "apart-")
	if err != nil {
		return all, err
	}
	if err := part(folder, apart); err != nil {
		return all, fmt.Errorf("parting the store: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return all, err
	}
	live := func(v *world, i *fleet.Installation) (err error) {
		v.settlement = w.settlement
		all.live, err = alive(ctx, p, v, i)
		return err
	}
	start := func(_ *world, i *fleet.Installation) (err error) {
		all.started, err = restarts(ctx, p, i)
		return err
	}
	if p.program == "" {
		err = running(ctx, self, apart, live, start)
	} else {
		err = errors.Join(running(ctx, self, apart, live), running(ctx, p.program, apart, start))
	}
	return all, err
}

// part moves what one process had into a folder for each role.
func part(from, to string) error {
	keys := filepath.Join(to, seed.KeysFolder)
	if err := errors.Join(os.MkdirAll(keys, 0o700), os.Rename(filepath.Join(from, seed.File), filepath.Join(keys, seed.File))); err != nil {
		return err
	}
	for _, role := range suite.Called() {
		folder := filepath.Join(to, role)
		err := errors.Join(os.MkdirAll(folder, 0o700), os.Rename(filepath.Join(from, role+".db"), filepath.Join(folder, role+".db")))
		if err != nil {
			return err
		}
	}
	return nil
}

// running lets an installation run on what the folder has, while it is measured.
func running(ctx context.Context, program, folder string, measure ...func(*world, *fleet.Installation) error) (err error) {
	w, i, err := prepared(program, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	for _, role := range suite.Roles() {
		if err := i.Begin(role); err != nil {
			return err
		}
	}
	if err := i.Ready(ctx); err != nil {
		return err
	}
	for _, m := range measure {
		if err := m(w, i); err != nil {
			return err
		}
	}
	return nil
}

// restarts kills every role, one after the other, and starts it again on what it has.
func restarts(ctx context.Context, p plan, i *fleet.Installation) ([]starts, error) {
	return rounds(p, func(int) (took starts, err error) {
		took = starts{}
		for _, role := range suite.Roles() {
			if took[role], err = restart(ctx, i, role); err != nil {
				return nil, fmt.Errorf("starting %s: %w", role, err)
			}
		}
		return took, nil
	})
}

// String is the round in short.
func (s starts) String() string {
	return fmt.Sprintf("from exec until they serve %v", map[string]time.Duration(s))
}

// restart says how long it took until the role served: as its health says, and of the
// gateway, as it finds every role to serve.
func restart(ctx context.Context, i *fleet.Installation, role string) (took time.Duration, err error) {
	if err := i.Ship(role).Kill(); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := i.Begin(role); err != nil {
		return 0, err
	}
	select {
	case <-i.Ship(role).Serving:
		took = time.Since(begun)
	case err := <-i.Lost():
		return 0, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	err = i.Ready(ctx)
	if role == suite.Gateway {
		took = time.Since(begun)
	}
	return took, err
}

// alive lets the processes, this program being them, serve a while and asks each
// what it holds.
func alive(ctx context.Context, p plan, w *world, i *fleet.Installation) ([]heaps, error) {
	return rounds(p, func(int) (live heaps, err error) {
		if err := w.use(ctx, p); err != nil {
			return nil, fmt.Errorf("using it: %w", err)
		}
		live = heaps{}
		for _, role := range suite.Roles() {
			if live[role], err = heapOf(i.Ship(role)); err != nil {
				return nil, fmt.Errorf("asking %s: %w", role, err)
			}
		}
		return live, nil
	})
}

// String is the round in short.
func (h heaps) String() string { return fmt.Sprintf("bytes that live %v", map[string]uint64(h)) }

// use reads and writes a little of everything that is large.
func (w *world) use(ctx context.Context, p plan) error {
	n := max(1, p.calls/100)
	if _, err := w.statusP95(ctx, n); err != nil {
		return err
	}
	rect := rectificationv1.NewRectificationServiceClient(w.conn)
	_, err := spread(n, p.callers, func(caller int, i int64) error {
		if err := w.plan(ctx, caller, i); err != nil {
			return err
		}
		_, err := rect.ListProblems(as(ctx, w.key), &rectificationv1.ListProblemsRequest{Parent: w.ledgers[caller], PageSize: 50})
		return err
	})
	return errors.Join(err, w.counted(ctx))
}

// heapOf asks a process how many bytes live in it.
func heapOf(s *fleet.Ship) (live uint64, err error) {
	if err := s.Signal(askHeap); err != nil {
		return 0, err
	}
	for line := range s.Printed {
		if _, err := fmt.Sscanf(line, heapLine, &live); err == nil {
			return live, nil
		}
	}
	return 0, errors.New("it ended without saying what it holds")
}
