package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// eraCommand opens a new era of every log in a data folder of a suite that does not run.
func eraCommand(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("duban era", flag.ContinueOnError)
	path := set.String("config", "", "configuration file (YAML), if the data do not say whose they are")
	key := set.String("key", "", "as for restore, if the keys do not lie with the data")
	renew := set.String("renew", "", "file with the key that signs from here on, which is made if it is not there; or the folder of the roles' keys")
	reason := set.String("reason", "", "why the logs cannot have back what they lack; it stands in them for ever")
	approvers := set.String("approvers", "", "the two members who approved it, with a comma between")
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil || set.NArg() != 1 || *reason == "" || *approvers == "" {
		return fmt.Errorf("%w: duban era [-config FILE] [-key FILE-OR-FOLDER] [-renew FILE-OR-FOLDER] -reason TEXT -approvers units/UNIT/members/MEMBER,units/UNIT/members/MEMBER DATA", errUsage)
	}
	c := suite.Default()
	if *path == "" {
		c.Installation = ""
	} else if err := config.Read(*path, &c); err != nil {
		return err
	}
	c.Data = set.Arg(0)
	declared := upkeep.Declaration{Reason: *reason, Approvers: strings.Split(*approvers, ","), Now: time.Now}
	opened, err := upkeep.OpenEra(ctx, c, upkeep.Keys{Now: *key, Renewed: *renew}, declared)
	if err != nil {
		return err
	}
	for _, cp := range opened {
		fmt.Fprintf(out, "%s begins with entry %d\n", cp.GetOrigin(), cp.GetSize()-1)
	}
	_, err = fmt.Fprintln(out, "What was signed before stays as it is. An installation above takes nothing of these logs until their new origins are enrolled there: duban identity.")
	return err
}
