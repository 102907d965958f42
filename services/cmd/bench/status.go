package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// statuses is what a round of status calls gave: the time that 95 of 100 stayed
// under.
type statuses struct{ small, large time.Duration }

const statusCallers = 4

func measureStatus(ctx context.Context, p plan) (all []statuses, err error) {
	small, err := filled(ctx, p.small, p.callers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, small.stop()) }()
	large, err := filled(ctx, p.large, p.callers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, large.stop()) }()
	for round := range p.rounds + 1 { // the first warms up
		var s statuses
		if s.small, err = small.statusP95(ctx, p.calls); err != nil {
			return nil, err
		}
		if s.large, err = large.statusP95(ctx, p.calls); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "round %d: status p95 %v with %d problems, %v with %d\n", round, s.small, p.small, s.large, p.large)
		if round > 0 {
			all = append(all, s)
		}
	}
	return all, nil
}

// filled is a world with so many problems, all of them counted.
func filled(ctx context.Context, problems, schools int) (*world, error) {
	w, err := newWorld(ctx, schools, nil)
	if err != nil {
		return nil, err
	}
	if _, err := w.creates(ctx, w.conn, 0, problems, schools); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, w.counted(ctx)
}

// counted waits until the figures have taken in what was entered.
func (w *world) counted(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 300 * 50 { // five minutes
		s, err := w.status(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(s.GetFreshness(), func(f *aggregationv1.Freshness) bool { return !f.GetCurrent() }) {
			return nil
		}
		<-tick.C
	}
	return errors.New("the figures did not catch up within five minutes")
}

func (w *world) status(ctx context.Context) (*aggregationv1.Status, error) {
	return aggregationv1.NewAggregationServiceClient(w.conn).GetStatus(as(ctx, w.key), &aggregationv1.GetStatusRequest{Name: "units/city"})
}

// statusP95 asks for the city's status in a closed loop of four callers.
func (w *world) statusP95(ctx context.Context, calls int) (time.Duration, error) {
	took := make([]time.Duration, calls)
	_, err := spread(calls, statusCallers, func(_ int, i int64) error {
		start := time.Now()
		_, err := w.status(ctx)
		took[i-1] = time.Since(start)
		return err
	})
	slices.Sort(took)
	return took[calls*95/100], err
}
