package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// backupCommand makes a backup of a process that runs.
func backupCommand(ctx context.Context, args []string, out io.Writer) error {
	s, err := flags("backup", args)
	if err != nil {
		return err
	}
	if len(s.args) != 1 {
		return fmt.Errorf("%w: duban backup [-config FILE] DIR", errUsage)
	}
	m, err := upkeep.Backup(ctx, s.Config, s.args[0], time.Now)
	if err != nil {
		return err
	}
	for _, of := range m.Stores {
		fmt.Fprintf(out, "%-14s %12d bytes  %8d entries\n", of.Role, of.Bytes, of.Feed.Size)
	}
	_, err = fmt.Fprintf(out, "%d files of %d bytes; %s in %v. Keys are not in it.\n", m.Files.Count, m.Files.Bytes, s.args[0], m.Ended.Sub(m.Begun).Round(time.Millisecond))
	return err
}

// restoreCommand puts one into a data folder that nothing is in.
func restoreCommand(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("duban restore", flag.ContinueOnError)
	key := set.String("key", "", "installation.key, or a folder that has a folder for each role")
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil || set.NArg() != 2 || *key == "" {
		return fmt.Errorf("%w: duban restore -key FILE-OR-FOLDER BACKUP DATA", errUsage)
	}
	c := suite.Default()
	c.Data = set.Arg(1)
	m, err := upkeep.Restore(ctx, c, set.Arg(0), *key, say(out))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s holds %s as it was at %s\n", c.Data, m.Installation, m.Begun.UTC().Format(time.RFC3339))
	return err
}
