// Package replication measures how fast a log is pushed to the installation above,
// against how fast the engine alone puts the same bytes. What becomes of the figures is for the command.
package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/cmd/bench/bare"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Round is what a round of pushing a log upward gave.
type Round struct {
	Raw      float64       // entries a second that the engine alone put, transaction by transaction of the upper one's
	Own      float64       // that the lower one wrote, batch by batch
	Mirrored float64       // and that the upper one had durably, of the same
	Lag      time.Duration // that 99 of 100 stayed under, at a steady rate
	Written  float64       // entries a second, while lag was measured
}

const (
	// Batch is how many entries share a commit, also above: replication by itself sends
	// more at once, and so is measured at less than its best.
	Batch = 256
	// Steady is how many entries a second are written while lag is measured.
	Steady = 500
	// caughtUp is how long to wait at most for what was pushed.
	caughtUp = 5 * time.Minute
)

// String is the round in short.
func (r Round) String() string {
	return fmt.Sprintf("engine %.0f/s, own entries %.0f/s, mirrored %.0f/s, lag p99 %v at %.0f/s", r.Raw, r.Own, r.Mirrored, r.Lag, r.Written)
}

// Record returns what the upper of two new installations stores while the lower
// pushes a log of so many entries to it: entries and what opens them, hashes, ids,
// chains, cosignatures, as bytes, in the same transactions. It is not timed.
func Record(ctx context.Context, entries int) (updates []bare.Update, err error) {
	r := &bare.Recorder{}
	p, err := newPair(ctx, r)
	if err != nil {
		return nil, err
	}
	if _, err = p.lower.writeAll(ctx, entries); err == nil {
		r.Record()
		var stop func()
		_, stop, err = p.pushAll(ctx, entries)
		stop()
	}
	err = errors.Join(err, p.stop()) // the last is durable before it is noted
	return r.Updates(), err
}

// Measure puts what was recorded of so many entries into the engine alone, writes a
// log of as many on a new installation, pushes it to another, and then writes as many
// more as are to be lagged.
func Measure(ctx context.Context, recorded []bare.Update, entries, lagged int) (r Round, err error) {
	if r.Raw, err = raw(ctx, recorded, entries); err != nil {
		return r, err
	}
	p, err := newPair(ctx, nil)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if r.Own, err = p.lower.writeAll(ctx, entries); err != nil {
		return r, err
	}
	var stop func()
	r.Mirrored, stop, err = p.pushAll(ctx, entries)
	defer stop()
	if err != nil {
		return r, err
	}
	r.Lag, r.Written, err = lag(ctx, p.upper, p.lower, entries, lagged)
	return r, err
}

// raw returns how many entries a second the engine alone has durably, if each of the
// transactions that stored them puts the same bytes again.
func raw(ctx context.Context, recorded []bare.Update, entries int) (rate float64, err error) {
	e, err := bare.New()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return timed(entries, func() error {
		for _, u := range recorded {
			if err := e.Put(ctx, u); err != nil {
				return err
			}
		}
		return nil
	})
}

// timed returns how many entries a second do took.
func timed(entries int, do func() error) (float64, error) {
	begun := time.Now()
	err := do()
	return float64(entries) / time.Since(begun).Seconds(), err
}

// pair is two new installations, one above the other.
type pair struct{ upper, lower *node }

func newPair(ctx context.Context, seen *bare.Recorder) (p pair, err error) {
	if p.upper, err = newNode("510000", seen); err != nil {
		return p, err
	}
	if p.lower, err = newNode("510100", nil); err != nil {
		return p, errors.Join(err, p.upper.stop())
	}
	if err = p.upper.enrol(ctx, p.lower); err != nil {
		err = errors.Join(err, p.stop())
	}
	return p, err
}

func (p pair) stop() error { return errors.Join(p.lower.stop(), p.upper.stop()) }

// pushAll pushes the entries of the lower one, and returns how many a second were
// durable above. It pushes on until it is stopped.
func (p pair) pushAll(ctx context.Context, entries int) (rate float64, stop func(), err error) {
	rate, err = timed(entries, func() error {
		stop = p.lower.push(ctx, p.upper)
		return p.upper.await(ctx, p.lower, uint64(entries))
	})
	return rate, stop, err
}

// writeAll writes entries, batch by batch, and returns how many a second were durable.
func (n *node) writeAll(ctx context.Context, entries int) (float64, error) {
	return timed(entries, func() error {
		for done := 0; done < entries; done += Batch {
			if err := n.write(ctx, done, min(Batch, entries-done)); err != nil {
				return err
			}
		}
		return nil
	})
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
