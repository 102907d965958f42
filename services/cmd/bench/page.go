package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/duban-project/duban/services/cmd/bench/profile"
	"github.com/duban-project/duban/services/cmd/bench/replication"
)

// results are what was measured; a part that was not is empty.
type results struct {
	creates      []creates
	spent        profile.Spent // over REST
	statuses     []statuses
	processes    processes
	replications []replication.Round
	overloads    []overloads
}

// measurements are what is measured, in this order.
var measurements = []struct {
	name string
	make func(context.Context, plan, *results) error
}{
	{"creates", func(ctx context.Context, p plan, r *results) (err error) {
		r.creates, r.spent, err = measureCreates(ctx, p)
		return err
	}},
	{"replication", func(ctx context.Context, p plan, r *results) error {
		stored, err := replication.Record(ctx, p.entries)
		if err != nil {
			return err
		}
		r.replications, err = rounds(p, func(int) (replication.Round, error) { return replication.Measure(ctx, stored, p.entries, p.lagged) })
		return err
	}},
	{"overload", func(ctx context.Context, p plan, r *results) (err error) {
		r.overloads, err = measureOverload(ctx, p)
		return err
	}},
	{"status", measureStores}, // and what runs on the same stores
}

// measureStores makes the stores, asks them for status, and starts processes on
// the largest.
func measureStores(ctx context.Context, p plan, r *results) (err error) {
	folder, err := os.MkdirTemp("", "duban-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	var largest *world
	if r.statuses, largest, err = measureStatus(ctx, p, folder); err != nil {
		return err
	}
	r.processes, err = measureProcesses(ctx, p, largest, storeOf(folder, p.stores[len(p.stores)-1]))
	return err
}

// rounds measures so many times, and returns what each round gave, but for those
// that warm up.
func rounds[R fmt.Stringer](p plan, one func(round int) (R, error)) (all []R, err error) {
	for round := range p.warm + p.rounds {
		r, err := one(round)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "round %d: %v\n", round, r)
		all = append(all, r)
	}
	return all[p.warm:], nil
}

// median of what a round gives.
func median[R any, N cmp.Ordered](rounds []R, figure func(R) N) N {
	all := make([]N, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// worst returns the role whose median is the largest, and that.
func worst[M ~map[string]N, N cmp.Ordered](rounds []M) (role string, largest N) {
	for _, name := range slices.Sorted(maps.Keys(rounds[0])) {
		if m := median(rounds, func(r M) N { return r[name] }); role == "" || m > largest {
			role, largest = name, m
		}
	}
	return role, largest
}

// line is one of the table at the top.
type line struct {
	what, goal, got string
	held            bool
}

func atLeast(what string, goal, got float64) line {
	return line{what, fmt.Sprintf("≥ %g", goal), fmt.Sprintf("%.2f", got), got >= goal}
}

func atMost(what string, goal, got float64) line {
	return line{what, fmt.Sprintf("≤ %g", goal), fmt.Sprintf("%.2f", got), got <= goal}
}

// page is the whole page.
func page(p plan, r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, p.rounds, processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	var chapters []string
	for _, c := range []struct {
		measured bool
		lines    func(plan, results) []line
		text     func(plan, results) string
	}{
		{len(r.creates) > 0, createLines, createText},
		{len(r.statuses) > 0, statusLines, statusText},
		{len(r.replications) > 0, replicationLines, replicationText},
		{len(r.overloads) > 0, overloadLines, overloadText},
		{len(r.processes.live) > 0, processLines, processText},
	} {
		if !c.measured {
			continue
		}
		for _, l := range c.lines(p, r) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.what, l.goal, l.got, verdict(l.held))
		}
		chapters = append(chapters, c.text(p, r))
	}
	return b.String() + "\n" + strings.Join(chapters, "\n")
}

func verdict(held bool) string {
	if held {
		return "held"
	}
	return "**short**"
}

const head = "# Performance\n\nWritten by `make bench`" + `: medians of %d rounds, after one that warms up where two things are compared, which are then measured
in turn in each round. Absolute figures are of the machine named below and say nothing about yours; ratios do.

Machine: %s, %d cores, %s/%s, %s. Whoever calls runs on the same cores.

| what | goal | median | |
|---|--:|--:|---|
`

// short is a duration as a table shows it.
func short(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// processor is the name that Linux has for the processor.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
