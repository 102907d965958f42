package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/stage"
	"github.com/duban-project/duban/services/internal/suite"
)

// keysFile holds the keys of a sandbox, by whose they are. It is written once the
// sandbox is seeded.
const keysFile = "keys.json"

// sandbox runs an installation to try things in, beside another or alone: a city
// with a year's work, keys for everybody in it, and a clock that can be set.
func sandbox(ctx context.Context, args []string, out io.Writer) error {
	base := suite.Default()
	set := flag.NewFlagSet("duban sandbox", flag.ContinueOnError)
	path := set.String("config", "", "configuration file (YAML)")
	reset := set.Bool("reset", false, "remove what is in the sandbox, and seed it anew")
	small := set.Bool("small", false, "seed three districts with few schools, which takes less time")
	if err := set.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%w: unexpected %q", errUsage, set.Arg(0))
	}
	if err := config.Read(*path, &base); err != nil {
		return err
	}
	c := base.AsSandbox()
	if *reset {
		if err := suite.ResetSandbox(c); err != nil {
			return err
		}
	}
	gently()
	p := playground{config: c, small: *small, out: out}
	return p.run(ctx)
}

// playground is a sandbox that is run.
type playground struct {
	config suite.Config
	small  bool // seed the small city
	out    io.Writer
}

// keys is the path of the keys.
func (p playground) keys() string { return filepath.Join(p.config.Data, keysFile) }

// run serves until ctx is done, and seeds what is empty.
func (p playground) run(ctx context.Context) error {
	s, err := suite.Open(ctx, p.config, suite.Options{Out: os.Stderr, Now: time.Now, Simulate: story.Start, Sandbox: true})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- s.Run(serving, func(at suite.Addresses) { ready <- "http://" + address(at.HTTP) }) }()
	select {
	case err := <-ended:
		return errors.Join(err, s.Close())
	case base := <-ready:
		err = p.open(ctx, s, base)
	}
	if err != nil {
		stop()
	}
	return errors.Join(err, <-ended, s.Close())
}

// open seeds the sandbox, if that was not done, and says how to use it.
func (p playground) open(ctx context.Context, s *suite.Suite, base string) error {
	if _, err := os.Stat(p.keys()); err != nil {
		if s.Bootstrap == "" {
			return errors.New("the sandbox was not seeded to its end: start it with -reset")
		}
		if err := p.sow(ctx, s, base); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.out, "沙箱 %s　开发者中心 %s/developers/　密钥 %s\n所有数据均为演示数据，不计入任何汇总；重置：duban sandbox -reset\n", base, base, p.keys())
	return err
}

// sow tells the story, and keeps the keys of everybody in it.
func (p playground) sow(ctx context.Context, s *suite.Suite, base string) error {
	city, err := cast.Load()
	if err != nil {
		return err
	}
	if p.small {
		city = city.Small()
	}
	client := rest.New(base, stage.AtOnce)
	defer client.Close()
	tale := story.New(city, client, s.Bootstrap, teller(os.Stderr, time.Now()))
	if _, err := tale.Run(ctx); err != nil {
		return fmt.Errorf("seeding the sandbox: %w", interrupted(ctx, err))
	}
	text, err := json.MarshalIndent(tale.Keys(), "", "  ")
	if err != nil {
		return fmt.Errorf("writing the keys: %w", err)
	}
	return errors.Join(durable.WriteFile(p.keys(), append(text, '\n')), s.BootstrapShown(ctx))
}
