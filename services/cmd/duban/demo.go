package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/screen"
	"github.com/duban-project/duban/services/internal/story/stage"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// demonstration is what one is told.
type demonstration struct {
	once   bool
	folder string // for the data
	remove func() error
}

func demoFlags(name string, args []string) (d demonstration, err error) {
	set := flag.NewFlagSet("duban "+name, flag.ContinueOnError)
	once := set.Bool("once", false, "end after printing")
	data := set.String("data", "", "keep the data in this new folder; default: a temporary one, removed at the end")
	if err := set.Parse(args); err != nil {
		return d, fmt.Errorf("%w: %w", errUsage, err)
	}
	if set.NArg() > 0 {
		return d, fmt.Errorf("%w: unexpected %q", errUsage, set.Arg(0))
	}
	d.once = *once
	d.folder, d.remove, err = demoFolder(*data)
	return d, err
}

// demo starts the suite on empty stores, tells it a year of a city's campaign
// through REST, shows what came of it, and goes on serving.
func demo(ctx context.Context, args []string, out io.Writer) error {
	d, err := demoFlags("demo", args)
	if err != nil {
		return err
	}
	gently()
	return errors.Join(play(ctx, d.folder, d.once, out), d.remove())
}

// demoFolder is where the demonstration keeps its data, and how to remove it.
func demoFolder(wanted string) (folder string, remove func() error, err error) {
	if wanted != "" {
		if left, _ := os.ReadDir(wanted); len(left) > 0 {
			return "", nil, fmt.Errorf("%w: -data %s is not empty", errUsage, wanted)
		}
		if err := os.MkdirAll(wanted, 0o750); err != nil {
			return "", nil, fmt.Errorf("%w: -data: %w", errUsage, err)
		}
		return wanted, func() error { return nil }, nil
	}
	if folder, err = os.MkdirTemp("", "duban-demo-"); err != nil {
		return "", nil, fmt.Errorf("making a folder for the data: %w", err)
	}
	return folder, func() error { return os.RemoveAll(folder) }, nil
}

// play runs the suite while the story is told and, unless once, until the end.
func play(ctx context.Context, folder string, once bool, out io.Writer) error {
	c := suite.Default()
	c.Data, c.GRPC, c.Metrics, c.Telemetry.LogLevel = folder, "", "", "error"
	c.HTTP = free(c.HTTP)
	s, err := suite.Open(ctx, c, suite.Options{Out: os.Stderr, Now: time.Now, Simulate: story.Start})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- s.Run(serving, func(at suite.Addresses) { ready <- "http://" + at.HTTP.String() }) }()
	select {
	case err = <-ended:
		return errors.Join(err, s.Close())
	case base := <-ready:
		if base != "http://"+suite.Default().HTTP {
			fmt.Fprintf(out, "%[1]s 已被占用，改用 %[2]s\n%[1]s is taken: using %[2]s\n", suite.Default().HTTP, base)
		}
		err = perform(ctx, s, base, once, out)
	}
	if err != nil || once {
		stop()
	}
	return errors.Join(err, <-ended, s.Close())
}

// free returns the address, or one with the next port that is free.
func free(address string) string {
	host, port, _ := net.SplitHostPort(address)
	first, _ := strconv.Atoi(port)
	for n := first; n < first+100; n++ {
		candidate := net.JoinHostPort(host, strconv.Itoa(n))
		if l, err := net.Listen("tcp", candidate); err == nil && l.Close() == nil {
			return candidate
		}
	}
	return address
}

// perform tells the story, recounts its figures and says how to go on.
func perform(ctx context.Context, s *suite.Suite, base string, once bool, out io.Writer) error {
	tale, picture, err := tell(ctx, base, s.Bootstrap, out)
	if err != nil {
		return err
	}
	if err := upkeep.RecountStores(ctx, s.Stores()); err != nil {
		return fmt.Errorf("the recount: %w", err)
	}
	fmt.Fprintln(out, "复算：由各服务的日志从头重算全部汇总数字，与现有数字一致。\nRecounted: all figures were made anew from the services' logs, and are the same.")
	if once {
		_, err = fmt.Fprintln(out, "\n如何继续：运行 make demo（不带 ONCE=1），服务会留着，并给出地址、接口文档、试用密钥和可粘贴的 curl 命令。\n"+
			"How to look further: run make demo without ONCE=1, which keeps serving and gives the address, the API documentation, a key and curl commands to paste.")
		return err
	}
	return further(out, base, tale, picture)
}

var errInterrupted = errors.New("已中断。 Interrupted")

// interrupted is what ended a story: not the step that was under way, if somebody has
// ended the program.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// tell tells the story to the installation at base and shows what came of it.
func tell(ctx context.Context, base, key string, out io.Writer) (*story.Story, *picture.Picture, error) {
	city, err := cast.Load()
	if err != nil {
		return nil, nil, err
	}
	client := rest.New(base, stage.AtOnce)
	defer client.Close()
	fmt.Fprintln(os.Stderr, "以模拟时钟讲述一市全年的活动（演示数据），约一分钟。 Telling a city's year (demonstration data) on a simulated clock: about a minute.")
	begun := time.Now()
	tale := story.New(city, client, key, teller(os.Stderr, begun))
	seen, err := tale.Run(ctx)
	if err != nil {
		return nil, nil, interrupted(ctx, err)
	}
	return tale, seen, screen.Show(out, seen, screen.Telling{Calls: client.Calls(), Elapsed: time.Since(begun)})
}

// further says how to go on with what is being served.
func further(out io.Writer, base string, tale *story.Story, seen *picture.Picture) error {
	if err := screen.Further(out, base, tale.Viewer(), seen); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\n服务运行中，按 Ctrl-C 结束。 Serving until Ctrl-C.")
	return err
}

// teller shows how far the story has come: a bar on a terminal, else a line for
// each chapter.
func teller(to *os.File, begun time.Time) func(stage.Moment) {
	if !term.IsTerminal(int(to.Fd())) {
		return func(m stage.Moment) {
			if m.Part == 1 {
				fmt.Fprintf(to, "%5.1fs  %2d/%d  %s\n", time.Since(begun).Seconds(), m.Number, m.Chapters, m.Chapter)
			}
		}
	}
	const fine = 100 // steps of the bar to a chapter
	bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(to), progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(false), progressbar.OptionThrottle(50*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true))
	return func(m stage.Moment) {
		bar.ChangeMax(m.Chapters * fine)
		bar.Describe(fmt.Sprintf("%2d/%d %s", m.Number, m.Chapters, m.Chapter))
		_ = bar.Set(int((float64(m.Number-1) + m.Part) * fine)) // a bar that cannot be drawn hinders nothing
	}
}
