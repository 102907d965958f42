package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// readmitCommand issues a key to a security administrator of the root, on the data of a
// suite that does not run, when nobody is left who could. It is no way around the log:
// the entry stands in organization's feed, signed, and goes up with the next push.
func readmitCommand(ctx context.Context, args []string, out io.Writer) error {
	lost := false
	of, err := flags("readmit", args, func(set *flag.FlagSet) {
		set.BoolVar(&lost, "lost", false, "the keys of security administrators that hold were lost: end all of them")
	})
	if err != nil {
		return err
	}
	if len(of.args) > 1 {
		return fmt.Errorf("%w: duban readmit [-config FILE] [-lost] [units/UNIT/members/MEMBER]", errUsage)
	}
	if _, err := os.Stat(filepath.Join(of.Data, "organization.db")); err != nil {
		return fmt.Errorf("%s does not hold organization's data: %w", of.Data, err)
	}
	issued, err := readmit(ctx, of, append(of.args, "")[0], lost)
	if err != nil {
		return err
	}
	k := issued.GetApiKey()
	_, err = fmt.Fprintf(out, "key of %s, until %s (shown this once): %s\n", k.GetPrincipal(), k.GetExpireTime().AsTime().Format(time.RFC3339), issued.GetSecret())
	return err
}

// readmit issues the key; it counts once the stores are closed.
func readmit(ctx context.Context, of told, principal string, lost bool) (*organizationv1.IssuedApiKey, error) {
	s, err := suite.Open(ctx, of.Config, suite.Options{Out: os.Stderr, Now: of.now, Roles: []string{"organization"}})
	if err != nil {
		return nil, upkeep.Idle(err)
	}
	issued, err := s.Readmit(ctx, principal, lost)
	return issued, errors.Join(err, s.Close())
}
