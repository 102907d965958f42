// Command duban runs the suite and looks after its data.
//
//	duban standalone          every role and the gateway in one process
//	duban serve ROLE...       the roles named, others in processes of their own
//	duban certificates DIR ROLE...
//	                          keys and certificates for such processes
//	duban demo [-once]        a year of a city's campaign on simulated data
//	duban split [-once]       the same, with one process for each role
//	duban federation [-once]  a province, two cities, four districts, on simulated data
//	duban sandbox [-reset]    an installation to try things in, with demo data and keys
//	duban backup DIR          copy the data of a process while it runs
//	duban restore -key KEY BACKUP DATA
//	                          put such a copy into an empty data folder and check it
//	duban era -reason TEXT -approvers MEMBER,MEMBER DATA
//	                          let restored logs go on, when nobody can give back what they lack
//	duban readmit [-lost] [MEMBER]
//	                          issue a key to a security administrator when none has one
//	duban health [URL]        ask a process whether it is ready
//	duban fsck DATA           check the stores against their feeds, and what lies beside
//	duban recount DATA        count the figures once more, and tell the events
//	duban recount -below DATA BELOW…   the same from the stores of those below
//	duban identity [-keys]    the keys that installations above and below are told
//	duban bundle export DIR   what is new for the installation above, in files
//	duban bundle import -receipt RECEIPT FILE...
//	                          take such files of one below
//	duban verify EVIDENCE     what a receipt or a proof of a fork is worth, offline
//	duban config print        the configuration as it would be used
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	_ "golang.org/x/crypto/x509roots/fallback" // where the machine has none, as in an image of the binary alone

	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/marks"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// Exit codes. None is 2, with which the Go runtime ends when it crashes: after that a
// second try may help.
const (
	exitOK      = 0
	exitError   = 1
	exitCommit  = 3  // a commit met an I/O error; start again and repeat
	exitVersion = 4  // a store is of a version that this program does not work on
	exitWrong   = 20 // the data are damaged, or not as was signed
	exitConfig  = 78 // the command or the configuration is wrong (EX_CONFIG); no second try helps
)

var (
	errUsage = errors.New("usage")
	errWrong = errors.New("the data are not as the feeds say")
)

// commands is everything duban does.
var commands = map[string]struct {
	help string
	run  func(ctx context.Context, args []string, out io.Writer) error
}{
	"standalone":   {"run every role in one process", standalone},
	"serve":        {"run the roles named; others run in processes of their own", serveCommand},
	"certificates": {"make keys and certificates for processes of their own", certificates},
	"demo":         {"tell a year of a city's campaign on simulated data, and show it", demo},
	"split":        {"tell the year of the demo to an installation of one process for each role", split},
	"federation":   {"run a province, its cities and districts on simulated data, and show it", federationCommand},
	"sandbox":      {"run an installation to try things in, with demo data and keys of its own", sandbox},
	"backup":       {"copy the data of a process while it runs", backupCommand},
	"restore":      {"put a backup into an empty data folder and check it", restoreCommand},
	"era":          {"let logs go on in a new era, declared, when nobody can give back what they lack, or by a renewed key, without a running suite", eraCommand},
	"readmit":      {"issue a key to a security administrator of the root when none has one that holds, without a running suite", readmitCommand},
	"health":       {"ask a process whether it is ready", health},
	"fsck":         {"check stores against their feeds, without a running suite", fsckCommand},
	"recount":      {"count the figures of stores once more, without a running suite", recountCommand},
	"identity":     {"print the keys that installations above and below are told on paper", identityCommand},
	"bundle":       {"carry in files, to the installation above, what no network takes there", bundleCommand},
	"verify":       {"say what evidence is worth: 0 valid, 10 incomplete, 20 invalid, 30 fork", verifyCommand},
	"config":       {"print the configuration as it would be used", configCommand},
	"version":      {"print the version", version},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(exit(run(ctx, os.Args[1:], os.Stdout)))
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		if c, ok := commands[args[0]]; ok {
			return c.run(ctx, args[1:], out)
		}
	}
	return usage()
}

// misused says how a command without flags of its own is used: as a mistake, or as the
// help that args ask for.
func misused(use string, args []string) error {
	if !slices.ContainsFunc(args, asksHelp) {
		return fmt.Errorf("%w: %s", errUsage, use)
	}
	fmt.Fprintln(os.Stderr, "Usage of "+use)
	return flag.ErrHelp
}

func asksHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func exit(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) { // the help was shown
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "duban:", err)
	var v verdict
	switch {
	case errors.As(err, &v):
		return int(v.Verdict)
	case errors.Is(err, errUsage), errors.Is(err, config.ErrWrong), errors.Is(err, seed.ErrMissing):
		return exitConfig
	case slices.ContainsFunc([]error{errWrong, backup.ErrBroken, feed.ErrUnsound, bolt.ErrDamaged, upkeep.ErrLost, store.ErrNoVersion, store.ErrOtherTime, clock.ErrMark, marks.ErrDamaged, seed.ErrDamaged}, func(is error) bool { return errors.Is(err, is) }):
		return exitWrong
	case errors.Is(err, suite.ErrCommit):
		return exitCommit
	case errors.Is(err, store.ErrVersion), errors.Is(err, backup.ErrNewer):
		return exitVersion
	default:
		return exitError
	}
}
