package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// replications is what a round of pushing a log upward gave.
type replications struct {
	own       float64       // entries a second that the lower one wrote, batch by batch
	mirrored  float64       // and that the upper one had durably, of the same
	lag       time.Duration // that 99 of 100 stayed under, at a steady rate
	sustained float64       // the rate at which was really written
}

const (
	// batch is how many entries share a commit: as many as replication sends at
	// once.
	batch = 256
	// steady is how many entries a second are written while lag is measured.
	steady = 500
	// caughtUp is how long to wait at most for what was pushed.
	caughtUp = 5 * time.Minute
)

// measureReplication writes a log and pushes it, on new stores in each round, and
// then goes on writing.
func measureReplication(ctx context.Context, p plan) (all []replications, err error) {
	for round := range p.rounds + 1 { // the first warms up
		r, err := replicate(ctx, p)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "round %d: own entries %.0f/s, mirrored %.0f/s, lag p99 %v at %.0f/s\n", round, r.own, r.mirrored, r.lag, r.sustained)
		if round > 0 {
			all = append(all, r)
		}
	}
	return all, nil
}

func replicate(ctx context.Context, p plan) (r replications, err error) {
	upper, err := newNode("510000")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, upper.stop()) }()
	lower, err := newNode("510100")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lower.stop()) }()
	if err := upper.enrol(ctx, lower); err != nil {
		return r, err
	}
	begun := time.Now()
	for done := 0; done < p.entries; done += batch {
		if err := lower.write(ctx, done, min(batch, p.entries-done)); err != nil {
			return r, err
		}
	}
	r.own = float64(p.entries) / time.Since(begun).Seconds()
	begun = time.Now()
	defer lower.push(ctx, upper)()
	if err := upper.await(ctx, lower, uint64(p.entries)); err != nil {
		return r, err
	}
	r.mirrored = float64(p.entries) / time.Since(begun).Seconds()
	r.lag, r.sustained, err = lag(ctx, upper, lower, p.entries, p.lagged)
	return r, err
}

// write enters n problems in one commit.
func (n *node) write(ctx context.Context, from, count int) error {
	return n.engines["rectification"].Update(ctx, func(tx store.Tx) error {
		for i := range count {
			name := fmt.Sprintf("ledgers/a/problems/%d", from+i)
			p := &rectificationv1.Problem{Name: name, Description: "墙皮脱落", PersonResponsible: "某某", LeaderResponsible: "某人"}
			_, err := n.logs["rectification"].Append(tx, feed.Change{
				Kind: "rectification.problem.created.v1", Subject: name, Rev: 1, Effective: time.Now(), Body: p,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// await returns when so many entries of the lower node are durable here.
func (n *node) await(ctx context.Context, lower *node, size uint64) error {
	ctx, cancel := context.WithTimeout(ctx, caughtUp)
	defer cancel()
	for n.mirrored(ctx, lower) < size {
		if err := feed.Pause(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("waiting for %d entries to be mirrored: %w", size, err)
		}
	}
	return nil
}

// lag writes entries at a steady rate, each by itself, and measures how long after
// its commit each is durable above. It returns the rate that came of it.
func lag(ctx context.Context, upper, lower *node, from, n int) (p99 time.Duration, rate float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	written, lags, ended := make(chan time.Time, n), make([]time.Duration, 0, n), make(chan error, 1)
	go func() {
		for at := range written {
			if err := upper.await(ctx, lower, uint64(from+len(lags)+1)); err != nil {
				ended <- err
				return
			}
			lags = append(lags, time.Since(at))
		}
		ended <- nil
	}()
	rate, err = steadily(n, func(i int) error {
		err := lower.write(ctx, from+i, 1)
		written <- time.Now()
		return err
	})
	close(written)
	if err != nil {
		cancel()
	}
	if err = errors.Join(err, <-ended); err != nil {
		return 0, 0, err
	}
	slices.Sort(lags)
	return lags[len(lags)*99/100], rate, nil
}

// steadily does work n times, so many times a second, however long each takes,
// and returns how often a second it was done.
func steadily(n int, work func(i int) error) (float64, error) {
	var all errgroup.Group
	tick := time.NewTicker(time.Second / steady)
	defer tick.Stop()
	begun := time.Now()
	for made := 0; made < n; <-tick.C {
		for due := min(n, int(time.Since(begun).Seconds()*steady)); made < due; made++ {
			i := made
			all.Go(func() error { return work(i) })
		}
	}
	err := all.Wait()
	return float64(n) / time.Since(begun).Seconds(), err
}
