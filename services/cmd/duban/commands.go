package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/suite"
)

func usage() error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		fmt.Fprintf(&b, "\n  duban %-11s %s", name, commands[name].help)
	}
	return fmt.Errorf("%w:%s", errUsage, b.String())
}

// flags are those of every command that reads the configuration.
func flags(name string, args []string) (suite.Config, time.Time, error) {
	c := suite.Default()
	set := flag.NewFlagSet("duban "+name, flag.ContinueOnError)
	path := set.String("config", "", "configuration file (YAML)")
	start := set.String("simulate", "", "start a simulation at this time (RFC 3339); the data are marked for ever")
	if err := set.Parse(args); err != nil {
		return c, time.Time{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	if set.NArg() > 0 {
		return c, time.Time{}, fmt.Errorf("%w: unexpected %q", errUsage, set.Arg(0))
	}
	var simulate time.Time
	if *start != "" {
		var err error
		if simulate, err = time.Parse(time.RFC3339, *start); err != nil {
			return c, simulate, fmt.Errorf("%w: -simulate: %w", errUsage, err)
		}
	}
	return c, simulate, config.Read(*path, &c)
}

func standalone(ctx context.Context, args []string, out io.Writer) error {
	c, simulate, err := flags("standalone", args)
	if err != nil {
		return err
	}
	gently() // see operating.md
	s, err := suite.Open(ctx, c, suite.Options{Out: os.Stderr, Now: time.Now, Simulate: simulate})
	if err != nil {
		return err
	}
	slog.SetDefault(s.Log()) // for what logs without being given one
	err = s.Run(ctx, func(at suite.Addresses) {
		s.Log().Info("serving", "http", address(at.HTTP), "grpc", address(at.GRPC), "data", c.Data, "simulated", s.Clock.Simulated())
		if err := show(context.WithoutCancel(ctx), s, out); err != nil {
			s.Log().Error("showing the bootstrap key; the next start tries again", "error", err)
		}
	})
	return errors.Join(err, s.Close())
}

// show prints the bootstrap key, if the operator has not seen it yet.
func show(ctx context.Context, s *suite.Suite, out io.Writer) error {
	if s.Bootstrap == "" {
		return nil
	}
	if _, err := fmt.Fprintf(out, "bootstrap key (shown this once): %s\n", s.Bootstrap); err != nil {
		return err
	}
	return s.BootstrapShown(ctx)
}

// address writes where a process listens; "" where it does not.
func address(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// gently lets the heap grow further between collections, unless the operator
// has said otherwise: it buys throughput for some 20 MB.
func gently() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func configCommand(_ context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "print" {
		return fmt.Errorf("%w: duban config print [-config FILE]", errUsage)
	}
	c, _, err := flags("config print", args[1:])
	if err != nil {
		return err
	}
	return config.Print(out, &c)
}

func version(_ context.Context, _ []string, out io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("built without module information")
	}
	_, err := fmt.Fprintln(out, "duban", info.Main.Version, info.GoVersion)
	return err
}
