package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/suite"
)

// starts is how long a role's process took from exec until it served.
type starts map[string]time.Duration

// newFleet starts a world of one process for each role, this program being them.
func newFleet(ctx context.Context, schools int) (w *world, i *fleet.Installation, err error) {
	folder, err := os.MkdirTemp("", "duban-bench-")
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	clients, err := fleet.Vacant("rest", "grpc")
	if err != nil {
		return nil, nil, err
	}
	c := suite.Default()
	c.HTTP, c.GRPC, c.Metrics, c.Telemetry.LogLevel = clients["rest"], clients["grpc"], "", "error"
	c.Limits.Rate, c.Limits.Burst = 1e9, 1e9
	if i, err = fleet.Lay(fleet.New(self, os.Stderr), folder, c, time.Now()); err != nil {
		return nil, nil, err
	}
	conn, err := grpc.NewClient(c.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	w = &world{conn: conn, http: i.Base, stop: func() error {
		return errors.Join(conn.Close(), i.Stop(), os.RemoveAll(folder))
	}}
	key, err := i.Launch(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, w.stop())
	}
	return w, i, w.settle(ctx, key, schools)
}

// restarts kills every role that has a store, one after the other, and starts it
// again on what it has.
func restarts(ctx context.Context, i *fleet.Installation) (starts, error) {
	took := starts{}
	for _, role := range suite.Called() {
		if err := i.Ship(role).Kill(); err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := i.Begin(role); err != nil {
			return nil, err
		}
		<-i.Ship(role).Serving
		took[role] = time.Since(begun)
		if err := i.Ready(ctx); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// serve is what this program does for a role, as duban does.
func serve(ctx context.Context, args []string) error {
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
	err = s.Run(fleet.Leashed(ctx), func(suite.Addresses) {
		fmt.Println(fleet.Serving)
		if s.Bootstrap != "" {
			fmt.Println(suite.BootstrapLine + s.Bootstrap)
		}
	})
	return errors.Join(err, s.Close())
}
