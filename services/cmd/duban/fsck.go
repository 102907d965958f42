package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation/recount"
	events "github.com/duban-project/duban/services/event/recheck"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// rebuildFlag asks fsckCommand to mend the indexes first.
const rebuildFlag = "-rebuild-indexes"

// fsckCommand checks the data of a suite that does not run. It exits with 20 if
// anything is wrong, and names the first wrong thing of each role.
func fsckCommand(ctx context.Context, args []string, out io.Writer) error {
	rebuild := len(args) > 0 && args[0] == rebuildFlag
	if rebuild {
		args = args[1:]
	}
	c, err := dataArgs("fsck ["+rebuildFlag+"]", args)
	if err != nil {
		return err
	}
	if rebuild {
		mended, err := upkeep.Reindex(ctx, c)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d index rows mended\n", mended.Rows)
		for _, name := range mended.Unread[:min(len(mended.Unread), maxMirrors)] {
			fmt.Fprintln(out, "the record cannot be read, and its index rows are as they were: "+name)
		}
	}
	return check(ctx, c, out)
}

// maxMirrors is how many mirrors of which nothing is wrong get a line of their own,
// and how many wrong ones do.
const maxMirrors = 100

// say prints what was found in each role's store, and in each mirror.
func say(out io.Writer) func(name string, r fsck.Report) {
	mirrors := map[bool]int{}
	return func(name string, r fsck.Report) {
		if strings.Contains(name, "/") {
			bad := r.Wrong > 0
			if mirrors[bad]++; mirrors[bad] == maxMirrors+1 {
				fmt.Fprintln(out, map[bool]string{true: "… more mirrors are wrong", false: "… further mirrors are named if something is wrong"}[bad])
			}
			if mirrors[bad] > maxMirrors {
				return
			}
		}
		fmt.Fprintf(out, "%-14s %8d entries  %8d subjects  %8d openings  %8d index rows  %6d files  %d wrong\n",
			name, r.Entries, r.Subjects, r.Openings, r.Rows, r.Files, r.Wrong)
		if r.Waiting > 0 {
			fmt.Fprintf(out, "  a tail is waiting: of what the log had lost %d entries came back; the next start takes them over, unless more are to come\n", r.Waiting)
		}
		if r.Lost > 0 {
			fmt.Fprintf(out, "  lost with a tail: %d sealed parts did not come back from above with the entries that commit to them\n", r.Lost)
			for _, name := range r.LostOf {
				fmt.Fprintln(out, "    "+name)
			}
		}
		if r.First != nil {
			fmt.Fprintln(out, "  first: "+first(*r.First))
		}
	}
}

func check(ctx context.Context, c suite.Config, out io.Writer) error {
	wrong, found := uint64(0), say(out)
	orphans, err := upkeep.Fsck(ctx, c, func(role string, r fsck.Report) {
		wrong += r.Wrong
		found(role, r)
	})
	if err == nil && orphans > 0 {
		fmt.Fprintf(out, "warning: no record names %d of the files under blobs\n", orphans)
	}
	if wrong > 0 && !errors.Is(err, store.ErrVersion) { // which is all that is wrong
		err = errors.Join(fmt.Errorf("%w: %s", errWrong, findings(wrong)), err)
	}
	return err
}

func findings(n uint64) string {
	if n == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", n)
}

// first writes a finding as one line.
func first(f fsck.Finding) string {
	about := f.Subject
	if f.Seq != fsck.None {
		about = strings.TrimSpace(fmt.Sprintf("entry %d %s", f.Seq, f.Subject))
	}
	if about == "" {
		return f.What
	}
	return about + ": " + f.What
}

// belowFlag asks recountCommand to read installations below from their own
// folders, which follow that of the one above them.
const belowFlag = "-below"

// recountCommand counts the figures of a suite that does not run once more, from
// its feeds and its mirrors, or from those of all installations below: "-below
// DATA DATA…", and then holds its events against its feeds. It exits with 20 at the first difference, or a file that is damaged.
func recountCommand(ctx context.Context, args []string, out io.Writer) error {
	var below []string
	if len(args) > 0 && args[0] == belowFlag {
		args, below = args[1:min(2, len(args))], args[min(2, len(args)):]
	}
	c, err := dataArgs("recount", args)
	if err != nil {
		return err
	}
	waiting, err := upkeep.Waiting(ctx, c)
	switch {
	case err != nil:
	case below == nil:
		err = upkeep.Recount(ctx, c)
	default:
		err = upkeep.RecountFederation(ctx, c, below)
	}
	untold := uint64(0)
	if err == nil {
		untold, err = upkeep.Events(ctx, c)
	}
	if errors.Is(err, recount.ErrDifferent) || errors.Is(err, events.ErrDifferent) || errors.Is(err, bolt.ErrDamaged) {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	if err != nil {
		return err
	}
	if waiting > 0 {
		fmt.Fprintf(out, "%d entries are counted after the next start\n", waiting)
	}
	if untold > 0 {
		fmt.Fprintf(out, "%d entries are told after the next start\n", untold)
	}
	_, err = fmt.Fprintln(out, "every figure and every event is as the feeds say")
	return err
}

// dataArgs reads "[-config FILE] DATA". Without a file the data say themselves
// which installation they belong to.
func dataArgs(command string, args []string) (suite.Config, error) {
	c, use := suite.Default(), "duban "+command+" [-config FILE] DATA"
	switch {
	case slices.ContainsFunc(args, asksHelp): // before a folder is looked for
		return c, misused(use, args)
	case len(args) == 3 && args[0] == "-config":
		if err := config.Read(args[1], &c); err != nil {
			return c, err
		}
		c.Data = args[2]
	case len(args) == 1:
		c.Data, c.Installation = args[0], ""
	default:
		return c, misused(use, args)
	}
	if _, err := os.Stat(c.Data); errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("%w: the folder of the data: %w", config.ErrWrong, err)
	}
	return c, nil
}
