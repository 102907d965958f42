// Command bench measures the suite against its own engine, in one interleaved
// run, and writes what it found into docs/performance.md.
//
//	bench [-rounds 5] [-creates 6000] [-out docs/performance.md]
//
// Every figure that counts is a ratio of two things measured in turn in the same
// run; a round gives one ratio, and the median of the rounds is reported. It
// asserts nothing: machines differ.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
)

func main() {
	debug.SetGCPercent(400) // as the suite runs
	do := func() error { return run(context.Background()) }
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		do = func() error { return serve(context.Background(), os.Args[2:]) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan is how much is measured.
type plan struct {
	rounds  int
	creates int // durable creates in a round, by each way
	callers int
	small   int // problems in the small store that status is asked of
	large   int // and in the large one
	calls   int // status calls in a round, of each store
}

func run(ctx context.Context) error {
	p := plan{callers: 64}
	flag.IntVar(&p.rounds, "rounds", 5, "rounds; at least five for a figure to be reported")
	flag.IntVar(&p.creates, "creates", 6000, "creates in a round, by each way")
	flag.IntVar(&p.small, "small", 1000, "problems in the small store")
	flag.IntVar(&p.large, "large", 100_000, "problems in the large store")
	flag.IntVar(&p.calls, "calls", 20_000, "status calls in a round, of each store")
	out := flag.String("out", "docs/performance.md", "the page to write")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the whole run here")
	load := flag.String("load", "", "internal: create over REST at this address")
	flag.Parse()
	if *load != "" {
		return loadREST(ctx, *load, p)
	}
	stop, err := profiled(*profile)
	if err != nil {
		return err
	}
	defer stop()
	creates, started, err := measureCreates(ctx, p)
	if err != nil {
		return fmt.Errorf("measuring creates: %w", err)
	}
	status, err := measureStatus(ctx, p)
	if err != nil {
		return fmt.Errorf("measuring status: %w", err)
	}
	return write(*out, p, creates, status, started)
}

// profiled starts a CPU profile, if one is asked for, and returns what ends it.
func profiled(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return pprof.StopCPUProfile, pprof.StartCPUProfile(f)
}
