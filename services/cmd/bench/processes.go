package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/suite"
)

// newFleet starts a new world of one process for each role, this program being
// them.
func newFleet(ctx context.Context, of city) (w *world, err error) {
	folder, err := os.MkdirTemp("", "duban-bench-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w, i, err := prepared(self, folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	halt := w.stop
	w.stop = func() error { return errors.Join(halt(), os.RemoveAll(folder)) }
	key, err := i.Launch(ctx)
	if err == nil {
		err = w.settle(ctx, key, of)
	}
	if err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

// prepared is an installation in the folder of one process for each role, none of
// which runs yet, and the world that it will be.
func prepared(program, folder string) (*world, *fleet.Installation, error) {
	clients, err := fleet.Vacant("rest", "grpc")
	if err != nil {
		return nil, nil, err
	}
	c := configured(folder)
	c.HTTP, c.GRPC = clients["rest"], clients["grpc"]
	i, err := fleet.Lay(fleet.New(program, os.Stderr), folder, c, time.Now())
	if err != nil {
		return nil, nil, err
	}
	conn, err := grpc.NewClient(c.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	return &world{conn: conn, http: i.Base, grpc: c.GRPC, stop: func() error { return errors.Join(conn.Close(), i.Stop()) }}, i, nil
}

// serveRole is what this program does for a role, as duban does; and it says how
// much it holds when it is asked.
func serveRole(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("bench serve", flag.ContinueOnError)
	set.Bool("leash", true, "end when standard input does")
	path := set.String("config", "", "configuration file")
	if err := set.Parse(args); err != nil {
		return err
	}
	c := suite.Default()
	if err := config.Read(*path, &c); err != nil {
		return err
	}
	s, err := suite.Open(ctx, c, suite.Options{Out: os.Stderr, Now: time.Now, Roles: set.Args()})
	if err != nil {
		return err
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, askHeap)
	go tellHeap(asked)
	err = s.Run(fleet.Leashed(ctx), func(suite.Addresses) {
		fmt.Println(fleet.Serving)
		if s.Bootstrap != "" {
			fmt.Println(suite.BootstrapLine + s.Bootstrap)
		}
	})
	return errors.Join(err, s.Close())
}

const (
	// askHeap is the signal by which a process of a measured fleet is asked what it
	// holds.
	askHeap  = syscall.SIGUSR1
	heapLine = "live heap: %d"
)

// tellHeap prints how many bytes live, whenever it is asked, after a collection:
// the second of two, for what finalizers let go.
func tellHeap(asked <-chan os.Signal) {
	for range asked {
		runtime.GC()
		runtime.GC()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		fmt.Printf(heapLine+"\n", live[0].Value.Uint64())
	}
}
