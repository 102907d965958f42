package main

import (
	"context"
	"fmt"
	"io"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/suite"
)

// fsckCommand checks the data of a suite that does not run. It exits with 20 if
// anything is wrong, and names the first wrong entry of each feed.
func fsckCommand(ctx context.Context, args []string, out io.Writer) error {
	c, err := dataArgs("fsck", args)
	if err != nil {
		return err
	}
	wrong := uint64(0)
	err = suite.Fsck(ctx, c, func(role string, r fsck.Report) {
		wrong += r.Wrong
		fmt.Fprintf(out, "%-14s %8d entries  %8d subjects  %8d openings  %d wrong\n", role, r.Entries, r.Subjects, r.Openings, r.Wrong)
		if r.First != nil {
			fmt.Fprintf(out, "  first: entry %d, %s: %s\n", r.First.Seq, r.First.Subject, r.First.What)
		}
	})
	if err == nil && wrong > 0 {
		return fmt.Errorf("%w: %d findings", errWrong, wrong)
	}
	return err
}

// recountCommand counts the figures of a suite that does not run once more, from
// its feeds. It exits with 20 at the first difference.
func recountCommand(ctx context.Context, args []string, out io.Writer) error {
	c, err := dataArgs("recount", args)
	if err != nil {
		return err
	}
	if err := suite.Recount(ctx, c); err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	_, err = fmt.Fprintln(out, "every figure is as the feeds say")
	return err
}

// dataArgs reads "[-config FILE] DATA".
func dataArgs(command string, args []string) (suite.Config, error) {
	c := suite.Default()
	switch {
	case len(args) == 3 && args[0] == "-config":
		if err := config.Read(args[1], &c); err != nil {
			return c, err
		}
		c.Data = args[2]
	case len(args) == 1:
		c.Data = args[0]
	default:
		return c, fmt.Errorf("%w: duban %s [-config FILE] DATA", errUsage, command)
	}
	return c, nil
}
