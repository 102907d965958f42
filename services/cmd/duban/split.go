package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/suite"
)

// split tells the demonstration's story to an installation of one process for
// each role.
func split(ctx context.Context, args []string, out io.Writer) error {
	d, err := demoFlags("split", args)
	if err != nil {
		return err
	}
	return errors.Join(d.playSplit(ctx, out), d.remove())
}

// playSplit runs the processes while the story is told and, unless once, until
// the end; then it checks what they have left.
func (d demonstration) playSplit(ctx context.Context, out io.Writer) error {
	i, err := moored(d.folder)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-i.Lost():
			cancel(err)
		case <-ctx.Done():
		}
	}()
	err = d.tellSplit(ctx, i, out)
	if err = errors.Join(err, i.Stop()); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if err := i.Check(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "复算：各进程的数据由日志从头核对，全部汇总数字与重算一致。\nRecounted: the data of all processes were checked against their logs, and all figures are the same.")
	return err
}

// moored prepares the installation.
func moored(folder string) (*fleet.Installation, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := suite.Default()
	c.HTTP, c.GRPC, c.Metrics, c.Telemetry.LogLevel = free(c.HTTP), "", "", "error"
	return fleet.Lay(fleet.New(program, os.Stderr), folder, c, time.Now())
}

// tellSplit tells the story and, unless once, waits for the end.
func (d demonstration) tellSplit(ctx context.Context, i *fleet.Installation, out io.Writer) error {
	key, err := i.Launch(ctx, "-simulate", story.Start.Format(time.RFC3339))
	if err != nil {
		return err
	}
	tale, picture, err := tell(ctx, i.Base, key, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "以上由 %[1]d 个进程完成：每个服务一个进程，各有数据与密钥，之间以双向 TLS 相连。\n"+
		"All this was done by %[1]d processes, one for each service with data and keys of its own, joined by mutual TLS.\n", len(suite.Roles()))
	if d.once {
		return nil
	}
	if err := further(out, i.Base, tale, picture); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
