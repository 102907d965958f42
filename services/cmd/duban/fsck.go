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
	c := suite.Default()
	switch {
	case len(args) == 3 && args[0] == "-config":
		if err := config.Read(args[1], &c); err != nil {
			return err
		}
		c.Data = args[2]
	case len(args) == 1:
		c.Data = args[0]
	default:
		return fmt.Errorf("%w: duban fsck [-config FILE] DATA", errUsage)
	}
	wrong := uint64(0)
	err := suite.Fsck(ctx, c, func(role string, r fsck.Report) {
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
