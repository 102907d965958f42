package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suite"
)

// statuses is what a round of status calls gave: at each desk the time that 95 of
// 100 stayed under, while nobody wrote and while many did.
type statuses struct {
	idle, busy []time.Duration
	took       []time.Duration // of the processors, a call while nobody wrote, with its caller
	writes     []float64       // a second, while it was busy
}

// Of so many problems cities have stores: the first two are compared with the last
// two. The second and the last have a province above them.
type sizes [4]int

// desk is where status is asked, of the desk's own root.
type desk struct {
	*world
	city *world // where is written meanwhile: itself, or the one below
}

// desks are where status is asked in turn.
type desks struct{ cities, provinces []desk }

func (all desks) list() []desk { return slices.Concat(all.cities, all.provinces) }

// statusCallers ask in a closed loop.
const statusCallers = 4

// measureStatus asks at each desk in turn. What the cities have is left in a
// folder for each, for what is measured with the largest afterwards, whose world,
// which does not run any more, is returned.
func measureStatus(ctx context.Context, p plan, folder string) (all []statuses, largest *world, err error) {
	var open desks
	defer func() {
		for _, d := range open.list() {
			err = errors.Join(err, d.stop())
		}
	}()
	for i, problems := range p.stores {
		begun := time.Now()
		if err := open.furnish(ctx, configured(storeOf(folder, problems)), p.city, problems, i%2 == 1); err != nil {
			return nil, nil, fmt.Errorf("a store of %d problems: %w", problems, err)
		}
		fmt.Fprintf(os.Stderr, "a store of %d problems took %v\n", problems, time.Since(begun).Round(time.Second))
	}
	all, err = rounds(p, func(int) (statuses, error) { return open.ask(ctx, p) })
	return all, open.cities[len(open.cities)-1].world, err
}

// furnish makes a city of so many problems, beneath a province if asked.
func (all *desks) furnish(ctx context.Context, c suite.Config, of city, problems int, beneath bool) error {
	var above *world
	if beneath {
		var err error
		if above, err = provinceOver(ctx, c.Data+"-above", &c); err != nil {
			return fmt.Errorf("above it: %w", err)
		}
	}
	w, err := filled(ctx, c, of, problems)
	if err != nil {
		return err
	}
	all.cities = append(all.cities, desk{w, w})
	if !beneath {
		return nil
	}
	all.provinces = append(all.provinces, desk{above, w})
	return above.pushed(ctx, w)
}

// String is the round in short.
func (s statuses) String() string {
	return fmt.Sprintf("status p95 %v (%v of the processors a call), while writing %v (%.0f/s)", s.idle, s.took, s.busy, s.writes)
}

func storeOf(folder string, problems int) string { return filepath.Join(folder, fmt.Sprint(problems)) }

func (all desks) ask(ctx context.Context, p plan) (s statuses, err error) {
	for _, d := range all.list() {
		before := cpu()
		idle, err := d.statusP95(ctx, p.calls)
		if err != nil {
			return s, err
		}
		s.idle, s.took = append(s.idle, idle), append(s.took, (cpu()-before)/time.Duration(p.calls))
	}
	for _, d := range all.list() {
		busy, writes, err := d.whileWriting(ctx, p)
		if err != nil {
			return s, fmt.Errorf("while writing: %w", err)
		}
		s.busy, s.writes = append(s.busy, busy), append(s.writes, writes)
	}
	return s, nil
}

// whileWriting asks while others plan what their schools will do about their
// problems: that changes records, feeds and figures, and not how many problems
// there are.
func (d desk) whileWriting(ctx context.Context, p plan) (p95 time.Duration, writes float64, err error) {
	var written atomic.Int64
	writing, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	begun := time.Now()
	go func() {
		_, err := spread(1<<40, p.callers, func(caller int, i int64) error {
			if writing.Err() != nil {
				return errEnough
			}
			written.Add(1)
			return d.city.plan(ctx, caller, i)
		})
		ended <- err
	}()
	p95, err = d.statusP95(ctx, p.calls)
	stop()
	if ending := <-ended; !errors.Is(ending, errEnough) {
		err = errors.Join(err, ending)
	}
	rate := float64(written.Load()) / time.Since(begun).Seconds()
	if d.world == d.city {
		return p95, rate, errors.Join(err, d.counted(ctx))
	}
	return p95, rate, errors.Join(err, d.pushed(ctx, d.city))
}

var errEnough = errors.New("it is enough")

// plan plans the rectification of one of the first problems of a ledger.
func (w *world) plan(ctx context.Context, caller int, i int64) error {
	_, err := rectificationv1.NewRectificationServiceClient(w.conn).PlanProblem(as(ctx, w.heads[caller].key), &rectificationv1.PlanProblemRequest{
		Name: w.ledgers[caller] + "/problems/0001", Cause: "交接制度未落实", Measures: fmt.Sprintf("第 %d 次修订措施", i),
		Deadline: time.Now().AddDate(0, 0, 30+int(i%30)).Format(time.DateOnly), LeaderResponsible: w.heads[caller].name, PersonResponsible: w.heads[caller].name,
	})
	return err
}

// counted waits until the figures have taken in what was entered.
func (w *world) counted(ctx context.Context) error {
	return w.until(ctx, func(s *aggregationv1.Status) bool {
		return !slices.ContainsFunc(s.GetFreshness(), func(f *aggregationv1.Freshness) bool { return !f.GetCurrent() })
	})
}

// until waits until the status of the root is as wanted.
func (w *world) until(ctx context.Context, wanted func(*aggregationv1.Status) bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 900 * 50 { // fifteen minutes
		s, err := w.status(ctx)
		if err != nil || wanted(s) {
			return err
		}
		<-tick.C
	}
	return errors.New("the figures did not catch up within fifteen minutes")
}

func (w *world) status(ctx context.Context) (*aggregationv1.Status, error) {
	return aggregationv1.NewAggregationServiceClient(w.conn).GetStatus(as(ctx, w.key), &aggregationv1.GetStatusRequest{Name: w.root})
}

// statusP95 asks for the status of the root in a closed loop of four callers, who let
// those go first who wait for a core: Go's scheduler else lets a caller and who answers
// it go on for 10 ms, and a call of the others takes so long.
func (w *world) statusP95(ctx context.Context, calls int) (time.Duration, error) {
	took := make([]time.Duration, calls)
	_, err := spread(calls, statusCallers, func(_ int, i int64) error {
		runtime.Gosched()
		start := time.Now()
		_, err := w.status(ctx)
		took[i-1] = time.Since(start)
		return err
	})
	slices.Sort(took)
	return took[calls*95/100], err
}
