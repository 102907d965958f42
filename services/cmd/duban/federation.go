package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// maxEvidence is how many bytes a file of evidence may have.
const maxEvidence = 4 << 20

// verdict is what evidence came to, when that is not valid. Its number is the
// exit code.
type verdict federation.Finding

// Error implements error.
func (v verdict) Error() string { return v.What }

// identityCommand prints what those above and below must be told on paper: the
// keys of the installation. It may run before the first start and makes the key
// then. Where roles have data folders of their own, these come as arguments: they say in
// which era each log is.
func identityCommand(_ context.Context, args []string, out io.Writer) error {
	bare := false
	told, err := flags("identity", args, func(set *flag.FlagSet) {
		set.BoolVar(&bare, "keys", false, "the keys alone, one a line, as duban verify reads them")
	})
	if err != nil {
		return err
	}
	identity, err := upkeep.ReadIdentity(told.Config, told.args...)
	if err != nil {
		return err
	}
	if bare {
		return identity.WriteKeys(out)
	}
	in := identity.Installation
	in.DisplayName, in.Unit = "(name it)", "units/(the unit there that is the root here)"
	b, err := protojson.MarshalOptions{Multiline: true}.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding the installation: %w", err)
	}
	_, err = fmt.Fprintf(out, "For the installations below, as federation.parent.cosigner:\n\n%s\n\nand as federation.parent.recipient, if bundles are carried:\n\n%s\n\nFor the installation above, as the body of POST /v1/installations:\n\n%s\n", identity.Cosigner, identity.Recipient, b)
	if err == nil && len(identity.Elsewhere) > 0 {
		_, err = fmt.Fprintf(out, "\nNo folder that was read says in which era the logs of %s are: the first is meant. If one was opened, name their data folders: duban identity [-config FILE] FOLDER...\n", strings.Join(identity.Elsewhere, ", "))
	}
	return err
}

// verifyCommand says what a file of evidence, or the receipt of a bundle, is worth
// to who trusts the keys in another file. It needs no network, and nothing but the
// file: for a receipt, the keys of the installation that it is sealed for.
func verifyCommand(_ context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("duban verify", flag.ContinueOnError)
	trusted := set.String("keys", "", "file of the keys that are trusted, one in note format a line")
	whose := set.String("config", "", "the configuration of the installation whose receipt it is")
	if err := set.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if set.NArg() != 1 {
		return fmt.Errorf("%w: duban verify [-keys FILE] [-config FILE] EVIDENCE", errUsage)
	}
	keys, err := readKeys(*trusted)
	if err != nil {
		return err
	}
	if answers, err := readAnswers(set.Arg(0), *whose); err != nil || answers != nil {
		return errors.Join(err, verifyAnswers(answers, keys, out))
	}
	e, err := readEvidence(set.Arg(0))
	if err != nil {
		return err
	}
	f := federation.Verify(e, keys)
	if f.Verdict != federation.Valid {
		return verdict(f)
	}
	_, err = fmt.Fprintln(out, "valid:", f.What)
	return err
}

func readKeys(path string) (federation.Keys, error) {
	if path == "" {
		return federation.Keys{}, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return federation.Keys{}, fmt.Errorf("%w: -keys: %w", errUsage, err)
	}
	keys, err := federation.ReadKeys(string(b))
	if err != nil {
		return keys, fmt.Errorf("%w: -keys: %s: %w", errUsage, path, err)
	}
	return keys, nil
}

// readEvidence reads a file as GetReceipt and GetEvidence answer it over REST. One
// that is none is invalid evidence.
func readEvidence(path string) (*federationv1.Evidence, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxEvidence+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", errUsage, path, err)
	}
	e := &federationv1.Evidence{}
	if len(b) > maxEvidence || protojson.Unmarshal(b, e) != nil {
		return nil, verdict{federation.Invalid, path + " holds no evidence"}
	}
	return e, nil
}
