package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/federation/carry"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// bundleCommand carries to the installation above in files what no network takes
// there: export is for the one below, import for the one above.
func bundleCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "export":
			return bundleExport(ctx, args[1:], out)
		case "import":
			return bundleImport(ctx, args[1:], out)
		}
	}
	return misused("duban bundle export|import", args)
}

// bundleExport writes what is new since a receipt, or all, and says what each file
// has.
func bundleExport(ctx context.Context, args []string, out io.Writer) (err error) {
	set := flag.NewFlagSet("duban bundle export", flag.ContinueOnError)
	file := set.String("config", "", "the configuration of the running process")
	after := set.String("after", "", "the receipt of the installation above; without one all is exported")
	most := set.Int("max", carry.MaxFile, "bytes of entries in a file")
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil || set.NArg() != 1 || *most <= 0 {
		return fmt.Errorf("%w: duban bundle export [-config FILE] [-after RECEIPT] [-max BYTES] DIR", errUsage)
	}
	c, process, identity, err := ofProcess(*file)
	if err != nil {
		return err
	}
	if c.Federation.Parent.Recipient == "" {
		return fmt.Errorf("%w: federation.parent.recipient is not set: for whom would the bundle be sealed", config.ErrWrong)
	}
	made := 0
	order := carry.Out{
		Process: process, Identity: identity, Recipient: c.Federation.Parent.Recipient, Folder: set.Arg(0), Max: *most,
		Name: path.Base(c.Installation) + "-" + time.Now().UTC().Format("20060102T150405Z"),
		Made: func(path string, has []carry.Holding) {
			made++
			fmt.Fprintln(out, path)
			for _, h := range has {
				fmt.Fprintf(out, "  %s: entries %d to %d\n", h.Origin, h.Start, h.End-1)
			}
		},
	}
	if *after != "" {
		f, err := os.Open(*after)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		order.Receipt = f
	}
	if err := order.Write(ctx); err != nil {
		return doubted(err)
	}
	if made == 0 {
		_, err = fmt.Fprintln(out, "nothing is new")
	}
	return err
}

// bundleImport takes files of an installation below, in whatever order, writes the
// receipt, and exits as `duban verify` does: 10 if something is missing, 20 if a
// file is refused, 30 if a log has two histories or was rolled back.
func bundleImport(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("duban bundle import", flag.ContinueOnError)
	file := set.String("config", "", "the configuration of the running process")
	receipt := set.String("receipt", "", "where the receipt goes")
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil || set.NArg() == 0 || *receipt == "" {
		return fmt.Errorf("%w: duban bundle import [-config FILE] -receipt RECEIPT FILES", errUsage)
	}
	_, process, identity, err := ofProcess(*file)
	if err != nil {
		return err
	}
	refused, err := carry.In{Process: process, Identity: identity, Files: set.Args(), Receipt: *receipt, Taken: func(path string, answers []*federationv1.ReplicateResponse) {
		fmt.Fprintln(out, path)
		became(out, answers)
	}}.Read(ctx)
	if err != nil {
		return doubted(err)
	}
	return worst(refused)
}

// ofProcess reads the configuration of a process, which runs, and reaches it. What
// is sealed for its installation is opened here.
func ofProcess(file string) (suite.Config, *http.Client, bundle.Identity, error) {
	c, identity, err := unsealer(file)
	return c, suite.Process(c), identity, err
}

func unsealer(file string) (c suite.Config, identity bundle.Identity, err error) {
	c = suite.Default()
	if err := config.Read(file, &c); err != nil {
		return c, identity, err
	}
	identity, err = upkeep.Unsealer(c)
	return c, identity, err
}

// became prints what became of a file's logs.
func became(out io.Writer, answers []*federationv1.ReplicateResponse) {
	for _, m := range answers {
		if a := m.GetAck(); a != nil {
			fmt.Fprintf(out, "  %s: %d entries are here\n", a.GetOrigin(), a.GetSize())
		}
		if r := m.GetReject(); r != nil {
			fmt.Fprintln(out, "  refused:", because(r))
		}
	}
}

func because(r *federationv1.Reject) string {
	if r.GetOrigin() == "" {
		return fmt.Sprintf("%s: %s", r.GetCode(), r.GetDetail())
	}
	return fmt.Sprintf("%s: %s: %s", r.GetOrigin(), r.GetCode(), r.GetDetail())
}

// worst is the verdict on what was refused, nil if nothing was.
func worst(refused map[string][]*federationv1.Reject) error {
	v := verdict{Verdict: federation.Valid}
	for _, file := range slices.Sorted(maps.Keys(refused)) {
		for _, r := range refused[file] {
			if is := worth(r.GetCode()); is > v.Verdict {
				v = verdict{is, file + ": " + because(r)}
			}
		}
	}
	if v.Verdict == federation.Valid {
		return nil
	}
	return v
}

// worth is what a refusal says of who made the file.
func worth(c federationv1.Code) federation.Verdict {
	switch c {
	case federationv1.Code_CODE_FORK, federationv1.Code_CODE_ROLLBACK:
		return federation.Forked
	case federationv1.Code_CODE_GAP, federationv1.Code_CODE_UNKNOWN_LOG, federationv1.Code_CODE_BUSY:
		return federation.Incomplete
	default:
		return federation.Invalid
	}
}

// doubted makes a file that is damaged, for others or not believed a verdict.
func doubted(err error) error {
	for _, is := range []error{bundle.ErrDamaged, bundle.ErrPlain, bundle.ErrOthers, carry.ErrRefused} {
		if errors.Is(err, is) {
			return verdict{federation.Invalid, err.Error()}
		}
	}
	return err
}

// readAnswers reads the receipt of a bundle, which is sealed for the installation
// whose configuration is named; nil if the file is none.
func readAnswers(path, file string) (answers []*federationv1.ReplicateResponse, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReader(f)
	if line, _ := in.Peek(32); !bundle.Receipt.Begins(line) {
		return nil, nil
	}
	_, identity, err := unsealer(file)
	if err != nil {
		return nil, fmt.Errorf("%w: -config: whose receipt it is: %w", errUsage, err)
	}
	answers, err = carry.ReadReceipt(in, identity)
	return answers, doubted(err)
}

// verifyAnswers says of each log of a receipt what its cosigned checkpoint is worth,
// and of those that are refused the evidence. The worst is the verdict.
func verifyAnswers(answers []*federationv1.ReplicateResponse, keys federation.Keys, out io.Writer) error {
	all := verdict{Verdict: federation.Valid}
	for _, m := range answers {
		var f federation.Finding
		switch a, r := m.GetAck(), m.GetReject(); {
		case a.GetNote() != "":
			f = federation.VerifyNote(federation.OriginOf(a.GetOrigin()), a.GetNote(), keys)
		case r.GetEvidence() != nil:
			f = federation.Verify(r.GetEvidence(), keys)
		default:
			continue
		}
		fmt.Fprintln(out, f.What)
		if f.Verdict > all.Verdict {
			all = verdict(f)
		}
	}
	if all.Verdict == federation.Valid {
		return nil
	}
	return all
}
