package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
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
	return tellEras(opened, out)
}

// tellEras says how the logs go on, and what is enrolled above: that the operators of a
// process of one role need, as no other process knows its era.
func tellEras(opened []*feedv1.Checkpoint, out io.Writer) error {
	enrol := &federationv1.ExtendInstallationRequest{} // has what :reenrol takes, too
	for _, cp := range opened {
		fmt.Fprintf(out, "%s begins with entry %d\n", cp.GetOrigin(), cp.GetSize()-1)
		enrol.Logs = append(enrol.Logs, &federationv1.EnrolledLog{Origin: cp.GetOrigin(), VerifierKey: cp.GetVerifierKey()})
	}
	b, err := protojson.MarshalOptions{Multiline: true}.Marshal(enrol)
	if err != nil {
		return fmt.Errorf("encoding the logs: %w", err)
	}
	_, err = fmt.Fprintf(out, "What was signed before stays as it is. An installation above takes nothing of these logs until they are enrolled there, with :extend, or with :reenrol and a reason if it was revoked:\n\n%s\n", b)
	return err
}
