package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/screen"
	"github.com/duban-project/duban/services/internal/story/tiers"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// federationCommand starts a province, two cities and four districts, each a
// process of its own with its own stores and keys, enrols them at one another, has
// the story told in every district, shows what the province knows of it, and counts
// it anew from all stores. Unless once, they then go on serving.
func federationCommand(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("duban federation", flag.ContinueOnError)
	once := set.Bool("once", false, "end after printing")
	small := set.Bool("small", false, "one district in each city, with few schools, which takes less time")
	data := set.String("data", "", "keep the data in this new folder; default: a temporary one, removed at the end")
	if err := set.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%w: unexpected %q", errUsage, set.Arg(0))
	}
	folder, remove, err := demoFolder(*data)
	if err != nil {
		return err
	}
	f, err := newFederation(folder, *small, out)
	if err != nil {
		return errors.Join(err, remove())
	}
	return errors.Join(f.play(ctx, *once), f.stop(), remove())
}

// realm is the processes of the demonstration.
type realm struct {
	out    io.Writer
	tiers  []*tiers.Tier
	places []*place // one for each tier, in the same order
}

// place is where a tier's installation runs.
type place struct {
	*tiers.Tier
	config  suite.Config
	file    string // the configuration
	running *process
}

func newFederation(folder string, small bool, out io.Writer) (*realm, error) {
	all, err := tiers.New(small)
	if err != nil {
		return nil, err
	}
	f := &realm{out: out, tiers: all}
	for _, t := range all {
		p, err := f.place(folder, t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name(), err)
		}
		f.places = append(f.places, p)
	}
	return f, nil
}

// place chooses where a tier listens and keeps its data, and writes that down.
func (f *realm) place(folder string, t *tiers.Tier) (*place, error) {
	p := &place{Tier: t, config: suite.Default(), file: filepath.Join(folder, t.ID()+".yaml")}
	c := &p.config
	c.Data, c.Installation = filepath.Join(folder, t.ID()), "edu.example/"+t.ID()
	c.Metrics, c.Telemetry.LogLevel = "", "error"
	ports, err := fleet.Vacant("rest", "grpc")
	if err != nil {
		return nil, err
	}
	c.HTTP, c.GRPC = ports["rest"], ports["grpc"]
	if t.Above != nil {
		above := f.of(t.Above)
		identity, err := upkeep.ReadIdentity(above.config)
		if err != nil {
			return nil, err
		}
		c.Federation.Parent = suite.Parent{Address: above.config.GRPC, Cosigner: identity.Cosigner, Plaintext: true}
	}
	var text strings.Builder
	if err := config.Print(&text, c); err != nil {
		return nil, err
	}
	return p, os.WriteFile(p.file, []byte(text.String()), 0o600)
}

func (f *realm) of(t *tiers.Tier) *place {
	return f.places[slices.Index(f.tiers, t)]
}

// play tells the story and shows what came of it.
func (f *realm) play(ctx context.Context, once bool) error {
	begun := time.Now()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{fmt.Sprintf("启动 %[1]d 个机构的系统，自上而下登记 Starting %[1]d bureaus, those above first", len(f.tiers)), f.begin},
		{fmt.Sprintf("在 %[1]d 个区县讲述一年的活动 Telling a year of %[1]d districts", f.districts()), f.tell},
		{"等待数据逐级上送并核对 Waiting until all has come up, and checking", f.show},
		{"停止，从全部存储复算 Stopping, and counting anew from all stores", f.recount},
	} {
		fmt.Fprintf(os.Stderr, "%5.1fs  %s\n", time.Since(begun).Seconds(), step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	fmt.Fprintf(f.out, "用时 %.1[1]f 秒（演示数据）。 %.1[1]f s.\n", time.Since(begun).Seconds())
	if once {
		return nil
	}
	return f.serve(ctx)
}

// begin starts and sets up one installation after the other, those above first,
// each enrolled before it starts.
func (f *realm) begin(ctx context.Context) error {
	for _, p := range f.places {
		if p.Above != nil {
			identity, err := upkeep.ReadIdentity(p.config)
			if err != nil {
				return err
			}
			if err := p.Enrol(ctx, identity.Installation); err != nil {
				return err
			}
		}
		if err := p.start(ctx); err != nil {
			return err
		}
		if err := p.Begin(ctx, "http://"+p.config.HTTP, p.running.bootstrap); err != nil {
			return err
		}
	}
	return nil
}

// tell tells the stories, two at a time.
func (f *realm) tell(ctx context.Context) error {
	g, together := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, t := range f.tiers {
		g.Go(func() error { return t.Tell(together) })
	}
	return interrupted(ctx, g.Wait())
}

func (f *realm) show(ctx context.Context) error {
	lines, compared, err := tiers.Look(ctx, f.tiers)
	if err != nil {
		return err
	}
	if err := screen.Tiers(f.out, story.End, lines); err != nil {
		return err
	}
	calls := int64(0)
	for _, t := range f.tiers {
		calls += t.Calls()
	}
	_, err = fmt.Fprintf(f.out, "\n核对：全省、各市、各区县共 %[1]d 个数字，与各区县经办人自己数的一致（演示数据）；REST 调用 %[2]d 次。\n"+
		"Checked: %[1]d figures on all tiers equal what the districts' people counted themselves; %[2]d REST calls.\n", compared, calls)
	return err
}

// recount stops all and counts the figures of each installation once more: from
// its mirrors, and from the stores of all beneath it.
func (f *realm) recount(ctx context.Context) error {
	if err := f.stop(); err != nil {
		return err
	}
	for _, p := range f.places {
		if err := upkeep.Recount(ctx, p.config); err != nil {
			return fmt.Errorf("%s, from its mirrors: %w: %w", p.Name(), errWrong, err)
		}
		if err := upkeep.RecountFederation(ctx, p.config, f.below(p.Tier)); err != nil {
			return fmt.Errorf("%s, from the stores below: %w: %w", p.Name(), errWrong, err)
		}
	}
	_, err := fmt.Fprintf(f.out, "复算：%[1]d 个机构的全部汇总数字，由上级留存的镜像、由下级自己的存储各重算一遍，全部一致（演示数据）。\n"+
		"Recounted: all figures of the %[1]d bureaus, once from the mirrors above and once from the stores below, are the same.\n", len(f.tiers))
	return err
}

// districts is in how many tiers the story is told.
func (f *realm) districts() (n int) {
	for _, t := range f.tiers {
		if t.District() {
			n++
		}
	}
	return n
}

// below are the folders of all installations beneath a tier.
func (f *realm) below(top *tiers.Tier) (folders []string) {
	for _, p := range f.places {
		for t := p.Above; t != nil; t = t.Above {
			if t == top {
				folders = append(folders, p.config.Data)
			}
		}
	}
	return folders
}

// serve starts all again and shows how to go on, until ctx is done.
func (f *realm) serve(ctx context.Context) error {
	for _, p := range f.places {
		if err := p.start(ctx); err != nil {
			return err
		}
		fmt.Fprintf(f.out, "%-24s http://%s\n", p.ID(), p.config.HTTP)
	}
	top := f.places[0]
	fmt.Fprintf(f.out, "\n省级查阅员的试用密钥（演示数据）：\nA key of the province's viewer to try with (demonstration data):\n\nKEY=%s\ncurl -s -H \"Authorization: Bearer $KEY\" 'http://%s/v1/units/hb/status'\n\n服务运行中，按 Ctrl-C 结束。 Serving until Ctrl-C.\n", top.Viewer(), top.config.HTTP)
	<-ctx.Done()
	return nil
}

// stop stops all that run, those below first.
func (f *realm) stop() (err error) {
	for _, p := range slices.Backward(f.places) {
		p.Close()
		if p.running != nil {
			err = errors.Join(err, p.running.stop())
			p.running = nil
		}
	}
	return err
}
