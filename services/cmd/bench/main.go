// Command bench measures the suite against its own engine and against itself, in
// one run, and writes what it found into docs/performance.md.
//
//	bench [-quick] [-only creates,status,…] [-problems 1000000] [-duban FILE] [-out docs/performance.md]
//
// Every figure that counts is a ratio of two things measured in turn in the same
// run, or a time or a size that was measured several times; the median of the
// rounds is reported. It asserts nothing: machines differ.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// parts are what this program is when it starts itself: the first argument says
// which. Otherwise it measures.
var parts = map[string]func(context.Context, []string) error{
	"serve": serveRole,
	"load":  loadREST,
	"flood": func(ctx context.Context, _ []string) error { return loadFlood(ctx, os.Stdin, os.Stdout) },
}

func main() {
	debug.SetGCPercent(400) // as the suite runs
	do, args := measure, os.Args[1:]
	if len(args) > 0 && parts[args[0]] != nil {
		do, args = parts[args[0]], args[1:]
	}
	if err := do(context.Background(), args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan is how much is measured.
type plan struct {
	warm    int // rounds before those that count
	rounds  int
	callers int
	creates int           // durable creates in a round, by each way
	spent   int           // creates over REST of which it is told where time goes
	city    city          // that the stores below are of
	stores  sizes         // problems in the stores that status is asked of
	calls   int           // status calls in a round, of each store
	entries int           // pushed upward in a round
	lagged  int           // and written while lag is measured
	service time.Duration // that a call takes when too many come
	flood   time.Duration // how long they come
	program string        // that is started for a role; this one if empty
}

// full is what the page is written from; quick shows whether all of it works.
var (
	full = plan{
		warm: 1, rounds: 5, callers: 64, creates: 6000, spent: 30_000, city: city{districts: 10, schools: 600}, stores: sizes{1000, 10_000, 100_000, 1_000_000}, calls: 20_000,
		entries: 50_000, lagged: 2500, service: time.Millisecond, flood: 8 * time.Second,
	}
	quick = plan{
		rounds: 1, callers: 2, creates: 20, spent: 40, city: city{districts: 1, schools: 2}, stores: sizes{4, 8, 16, 32}, calls: 20,
		entries: 512, lagged: 50, service: time.Millisecond, flood: 100 * time.Millisecond,
	}
)

// measure measures all, or what is named, and writes the page.
func measure(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("bench", flag.ExitOnError)
	small := set.Bool("quick", false, "measure next to nothing, to see that it works")
	only := set.String("only", "", "the measurements to make, by names with commas between; all if empty")
	out := set.String("out", "docs/performance.md", "the page to write")
	problems := set.Int("problems", 0, "problems in the largest store; 0: as many as the page is about")
	program := set.String("duban", "", "the duban command whose start is timed; this program if empty")
	_ = set.Parse(args) // it exits
	p := full
	if *small {
		p = quick
	}
	if last := len(p.stores) - 1; *problems > 0 {
		if *problems <= p.stores[last-1] {
			return fmt.Errorf("-problems must be more than %d", p.stores[last-1])
		}
		p.stores[last] = *problems
	}
	p.program = *program
	return run(ctx, p, strings.FieldsFunc(*only, func(r rune) bool { return r == ',' }), *out)
}

func run(ctx context.Context, p plan, only []string, out string) error {
	var r results
	for _, m := range measurements {
		if len(only) > 0 && !slices.Contains(only, m.name) {
			continue
		}
		begun := time.Now()
		if err := m.make(ctx, p, &r); err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s took %v\n", m.name, time.Since(begun).Round(time.Second))
	}
	return os.WriteFile(out, []byte(page(p, r)), 0o644)
}
