package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/store"
)

// overloads is what a round gave: calls a second that were answered well and in
// time, when as much was asked as can be done and when ten times as much was.
type overloads struct {
	peak, polite, rude flood
}

// A store answers two reads at a time, each in that many milliseconds: as a disk
// does, and unlike calls that want the processor, which the client wants too.
const slots = 2

// slow is an engine that takes its time over reads, once it is told to.
type slow struct {
	store.Engine
	on    atomic.Bool
	free  chan struct{}
	takes time.Duration
}

func newSlow(e store.Engine, takes time.Duration) *slow {
	return &slow{Engine: e, free: make(chan struct{}, slots), takes: takes}
}

func (s *slow) View(ctx context.Context, fn func(store.Tx) error) error {
	if !s.on.Load() {
		return s.Engine.View(ctx, fn)
	}
	select {
	case s.free <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.free }()
	<-time.After(s.takes)
	return s.Engine.View(ctx, fn)
}

// tenfold is how much more is asked than can be done.
const tenfold = 10

// measureOverload asks a suite over TCP, from a process of its own, to read a
// problem whose store is slow.
func measureOverload(ctx context.Context, p plan) (all []overloads, err error) {
	var disk *slow
	w, err := newWorld(ctx, city{schools: 1}, func(role string, e store.Engine) store.Engine {
		if role != "rectification" {
			return e
		}
		disk = newSlow(e, p.service)
		return disk
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if _, err := w.creates(ctx, w.conn, 0, 1, 1); err != nil {
		return nil, err
	}
	disk.on.Store(true)
	defer disk.on.Store(false)
	return rounds(p, func(int) (overloads, error) { return w.overload(ctx, p) })
}

// String is the round in short.
func (o overloads) String() string {
	return fmt.Sprintf("goodput at capacity %v; tenfold, as refusals say %v; tenfold, whatever is answered %v", o.peak, o.polite, o.rude)
}

func (w *world) overload(ctx context.Context, p plan) (o overloads, err error) {
	if o.peak, err = w.flooded(ctx, p, flow{Callers: p.callers}); err != nil {
		return o, err
	}
	if o.polite, err = w.flooded(ctx, p, flow{Callers: tenfold * serve.DefaultLimits.InFlight}); err != nil {
		return o, err
	}
	o.rude, err = w.flooded(ctx, p, flow{Rate: tenfold * o.peak.Good})
	return o, err
}

// flow is what the process that floods is told.
type flow struct {
	At, Key, Problem string
	// Callers call in a closed loop, and wait as long as a refusal says before
	// they call again.
	Callers int
	// Rate is, without callers, how many calls a second are made, whatever is
	// answered.
	Rate    float64
	Lasting time.Duration
}

// flood is what came of it, in calls a second.
type flood struct {
	Good, Refused, Late float64
	client, server      time.Duration // processor time a second of each
}

// String is the part that counts.
func (f flood) String() string {
	return fmt.Sprintf("%.0f/s (%.0f/s refused, %.0f/s late, processor client %v server %v)", f.Good, f.Refused, f.Late, f.client.Round(time.Millisecond), f.server.Round(time.Millisecond))
}

// flooded lets a process of its own call.
func (w *world) flooded(ctx context.Context, p plan, f flow) (got flood, err error) {
	f.At, f.Key, f.Problem, f.Lasting = w.grpc, w.key, w.ledgers[0]+"/problems/0001", p.flood
	before, begun := cpu(), time.Now()
	out, state, err := self(ctx, f, "flood")
	if err != nil {
		return got, fmt.Errorf("flooding: %w", err)
	}
	took := time.Since(begun).Seconds()
	got.server = time.Duration(float64(cpu()-before) / took)
	got.client = time.Duration(float64(state.UserTime()+state.SystemTime()) / took)
	return got, json.Unmarshal(out, &got)
}
