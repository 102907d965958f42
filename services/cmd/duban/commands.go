package main

import (
	"cmp"
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
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

func usage() error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		fmt.Fprintf(&b, "\n  duban %-12s %s", name, commands[name].help)
	}
	return fmt.Errorf("%w:%s", errUsage, b.String())
}

// told is what every command is told that reads the configuration.
type told struct {
	suite.Config
	now      func() time.Time // the machine's clock
	simulate time.Time
	leash    bool     // end when standard input does
	args     []string // that are no flags
}

// flags reads them, and what is the command's own.
func flags(name string, args []string, own ...func(*flag.FlagSet)) (s told, err error) {
	s.Config, s.now = suite.Default(), time.Now
	set := flag.NewFlagSet("duban "+name, flag.ContinueOnError)
	path := set.String("config", "", "configuration file (YAML)")
	start := set.String("simulate", "", "start a simulation at this time (RFC 3339); the data are marked for ever")
	set.BoolVar(&s.leash, "leash", false, "end when standard input does: for whoever starts this process as a part of itself")
	for _, add := range own {
		add(set)
	}
	if err := set.Parse(args); err != nil {
		return s, fmt.Errorf("%w: %w", errUsage, err)
	}
	if *start != "" {
		if s.simulate, err = time.Parse(time.RFC3339, *start); err != nil {
			return s, fmt.Errorf("%w: -simulate: %w", errUsage, err)
		}
	}
	s.args = set.Args()
	return s, config.Read(*path, &s.Config)
}

// flagsAlone reads them for a command that takes nothing else.
func flagsAlone(name string, args []string, own ...func(*flag.FlagSet)) (told, error) {
	s, err := flags(name, args, own...)
	if err == nil && len(s.args) > 0 {
		err = fmt.Errorf("%w: unexpected %q", errUsage, s.args[0])
	}
	return s, err
}

func standalone(ctx context.Context, args []string, out io.Writer) error {
	s, err := flagsAlone("standalone", args)
	if err != nil {
		return err
	}
	return serving(ctx, s, out)
}

// serveCommand runs the roles named.
func serveCommand(ctx context.Context, args []string, out io.Writer) error {
	s, err := flags("serve", args)
	if err != nil {
		return err
	}
	if len(s.args) == 0 {
		return fmt.Errorf("%w: duban serve [-config FILE] ROLE..., of %s", errUsage, strings.Join(suite.Roles(), ", "))
	}
	return serving(ctx, s, out)
}

// serving runs the roles until ctx is done.
func serving(ctx context.Context, of told, out io.Writer) error {
	gently() // see operating.md
	if of.leash {
		ctx = fleet.Leashed(ctx)
	}
	s, err := suite.Open(ctx, of.Config, suite.Options{Out: os.Stderr, Now: of.now, Simulate: of.simulate, Roles: of.args})
	if err != nil {
		return err
	}
	slog.SetDefault(s.Log()) // for what logs without being given one
	stopped := farewell(ctx, s.Log())
	defer stopped()
	err = s.Run(ctx, func(at suite.Addresses) {
		s.Log().Info("serving", "roles", strings.Join(s.Roles(), " "), "http", address(at.HTTP), "grpc", address(at.GRPC),
			"peers", address(at.Peers), "data", of.Data, "simulated", s.Clock.Simulated())
		if of.leash {
			fmt.Fprintln(out, fleet.Serving) // whoever holds the leash has gone if this fails
		}
		if err := show(context.WithoutCancel(ctx), s, out); err != nil {
			s.Log().Error("showing the bootstrap key; the next start tries again", "error", err)
		}
	})
	return errors.Join(err, s.Close())
}

// farewell logs why ctx ends when it does, such as by a signal. What it returns MUST be
// called once all has ended, and logs how long that took.
func farewell(ctx context.Context, log *slog.Logger) (stopped func()) {
	began := make(chan time.Time, 1)
	never := context.AfterFunc(ctx, func() {
		log.Info("stopping", "cause", context.Cause(ctx))
		began <- time.Now()
	})
	return func() {
		if !never() { // else it ended by itself, and its error says why
			log.Info("stopped", "took", time.Since(<-began).Round(time.Millisecond).String())
		}
	}
}

// certificates equips the processes of an installation.
func certificates(_ context.Context, args []string, out io.Writer) error {
	s, err := flags("certificates", args)
	if err != nil {
		return err
	}
	if len(s.args) < 2 {
		return fmt.Errorf("%w: duban certificates [-config FILE] DIR ROLE..., of %s", errUsage, strings.Join(suite.Roles(), ", "))
	}
	folder, roles := s.args[0], s.args[1:]
	if err := upkeep.Equip(folder, s.Installation, time.Now(), roles...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: ca.key and installation.key stay here, for nobody; each process gets the folder of its role: %s\n", folder, strings.Join(roles, ", "))
	return err
}

// show prints the bootstrap key, if the operator has not seen it yet.
func show(ctx context.Context, s *suite.Suite, out io.Writer) error {
	if s.Bootstrap == "" {
		return nil
	}
	if _, err := fmt.Fprintf(out, "%s%s\n", suite.BootstrapLine, s.Bootstrap); err != nil {
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
		return misused("duban config print [-config FILE]", args)
	}
	s, err := flagsAlone("config print", args[1:])
	if err != nil {
		return err
	}
	return config.Print(out, &s.Config)
}

// release is the commit that an archive was made from, which whoever makes it tells
// the linker; empty in any other build.
var release string

func version(_ context.Context, _ []string, out io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("built without module information")
	}
	_, err := fmt.Fprintln(out, "duban", cmp.Or(release, info.Main.Version), info.GoVersion)
	return err
}
