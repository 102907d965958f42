// Package replication measures how fast a log is pushed to the installation above,
// against how fast it was written. What becomes of the figures is for the command.
package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Round is what a round of pushing a log upward gave.
type Round struct {
	Own      float64       // entries a second that the lower one wrote, batch by batch
	Mirrored float64       // and that the upper one had durably, of the same
	Lag      time.Duration // that 99 of 100 stayed under, at a steady rate
	Written  float64       // entries a second, while lag was measured
}

const (
	// Batch is how many entries share a commit: as many as replication sends at
	// once.
	Batch = 256
	// Steady is how many entries a second are written while lag is measured.
	Steady = 500
	// caughtUp is how long to wait at most for what was pushed.
	caughtUp = 5 * time.Minute
)

// String is the round in short.
func (r Round) String() string {
	return fmt.Sprintf("own entries %.0f/s, mirrored %.0f/s, lag p99 %v at %.0f/s", r.Own, r.Mirrored, r.Lag, r.Written)
}

// Measure writes a log of so many entries on a new installation, pushes it to
// another, and then writes as many more as are to be lagged.
func Measure(ctx context.Context, entries, lagged int) (r Round, err error) {
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
	for done := 0; done < entries; done += Batch {
		if err := lower.write(ctx, done, min(Batch, entries-done)); err != nil {
			return r, err
		}
	}
	r.Own = float64(entries) / time.Since(begun).Seconds()
	begun = time.Now()
	defer lower.push(ctx, upper)()
	if err := upper.await(ctx, lower, uint64(entries)); err != nil {
		return r, err
	}
	r.Mirrored = float64(entries) / time.Since(begun).Seconds()
	r.Lag, r.Written, err = lag(ctx, upper, lower, entries, lagged)
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
	tick := time.NewTicker(time.Second / Steady)
	defer tick.Stop()
	begun := time.Now()
	for made := 0; made < n; <-tick.C {
		for due := min(n, int(time.Since(begun).Seconds()*Steady)); made < due; made++ {
			i := made
			all.Go(func() error { return work(i) })
		}
	}
	err := all.Wait()
	return float64(n) / time.Since(begun).Seconds(), err
}
