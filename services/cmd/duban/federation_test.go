package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/suite"
)

const origin = "edu.example/510100/rectification/1"

// signed is a log of three entries, made here from the formats' definitions, and
// a cosigner.
type signed struct {
	key, cosignerKey string
	entries          [][]byte
	note             string
}

func sign(t *testing.T, subjects ...string) signed {
	t.Helper()
	seed := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	key, err := note.NewEd25519VerifierKey(origin, seed.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	s := signed{key: key}
	var leaves []tlog.Hash
	for i, subject := range subjects {
		b, err := proto.Marshal(&feedv1.Entry{
			Version: 1, Seq: uint64(i), Id: fmt.Appendf(nil, "%016d", i), At: timestamppb.New(time.Unix(1e9, 0)),
			Effective: timestamppb.New(time.Unix(1e9, 0)), Kind: "test.problem.created.v1", Subject: subject, Rev: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.entries, leaves = append(s.entries, b), append(leaves, tlog.RecordHash(b))
	}
	root := tlog.NodeHash(leaves[0], leaves[1])
	cp := formats.Checkpoint{Origin: origin, Size: 2, Hash: root[:]}
	v, err := note.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := note.Sign(&note.Note{Text: string(cp.Marshal())}, noteSigner{v, seed})
	if err != nil {
		t.Fatal(err)
	}
	c := federation.NewCosigner("edu.example/510000/mirror", seed)
	s.cosignerKey = c.VerifierKey()
	if s.note, err = c.Cosign(string(text), time.Unix(2e9, 0)); err != nil {
		t.Fatal(err)
	}
	return s
}

type noteSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// receipt is of the first entry.
func (s signed) receipt() *federationv1.Evidence {
	sibling := tlog.RecordHash(s.entries[1])
	return &federationv1.Evidence{Origin: origin, Of: &federationv1.Evidence_Receipt{Receipt: &federationv1.Receipt{
		Record: &feedv1.Record{Entry: s.entries[0]}, Inclusion: [][]byte{sibling[:]}, Note: s.note,
	}}}
}

func TestVerifyExitsByItsVerdict(t *testing.T) {
	s, other := sign(t, "problems/1", "problems/2"), sign(t, "problems/1", "problems/3")
	all := s.key + "\n# who cosigns\n" + s.cosignerKey + "\n"
	changed := s.receipt()
	changed.GetReceipt().Record.Entry = append([]byte{}, s.entries[1]...)
	root := func(s signed) []byte {
		h := tlog.NodeHash(tlog.RecordHash(s.entries[0]), tlog.RecordHash(s.entries[1]))
		return h[:]
	}
	fork := &federationv1.Evidence{Origin: origin, Of: &federationv1.Evidence_Fork{Fork: &federationv1.Fork{
		Size: 2, First: &federationv1.Branch{Root: root(s), Note: s.note}, Second: &federationv1.Branch{Root: root(other), Note: other.note},
	}}}
	for _, c := range []struct {
		name, keys string
		evidence   *federationv1.Evidence
		want       int
	}{
		{"a receipt", all, s.receipt(), 0},
		{"a receipt of which no cosigner is known", s.key, s.receipt(), 10},
		{"a receipt of a log that is not known", s.cosignerKey, s.receipt(), 10},
		{"another entry", all, changed, 20},
		{"nothing", all, &federationv1.Evidence{Origin: origin}, 20},
		{"a fork", all, fork, 30},
	} {
		if got := verify(t, c.keys, c.evidence); got != c.want {
			t.Errorf("%s: exit %d, want %d", c.name, got, c.want)
		}
	}
}

func verify(t *testing.T, keys string, e *federationv1.Evidence) int {
	t.Helper()
	folder := t.TempDir()
	b, err := protojson.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	file, trusted := filepath.Join(folder, "evidence.json"), filepath.Join(folder, "keys")
	if err := errors.Join(os.WriteFile(file, b, 0o600), os.WriteFile(trusted, []byte(keys), 0o600)); err != nil {
		t.Fatal(err)
	}
	return exit(run(t.Context(), []string{"verify", "-keys", trusted, file}, t.Output()))
}

// TestAMistakeOfTheCommandIsNoVerdict: whoever asks by the exit status learns that
// nothing was verified. What identity -keys prints is read, and what it prints
// without is not.
func TestAMistakeOfTheCommandIsNoVerdict(t *testing.T) {
	c := suite.Default()
	c.Data, c.Installation = t.TempDir(), "edu.example/510900"
	paper, keys := runs(t, nil, "identity", "-config", file(t, c)), runs(t, nil, "identity", "-keys", "-config", file(t, c))
	s := sign(t, "problems/1", "problems/2")
	for name, c := range map[string]struct {
		keys string
		want int
	}{
		"the keys": {keys, 10}, // of another log
		"the keys and more, as two files put together": {keys + "\n# city\n" + s.key + "\n" + s.cosignerKey, 0},
		"what is for paper":                            {paper, exitConfig},
		"no key":                                       {"key", exitConfig},
	} {
		if got := verify(t, c.keys, s.receipt()); got != c.want {
			t.Errorf("%s: exit %d, want %d", name, got, c.want)
		}
	}
	stranger, receipt := suite.Default(), filepath.Join(t.TempDir(), "receipt")
	stranger.Data = filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(receipt, []byte("duban/"+bundle.Receipt+"/v1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", "-config", file(t, stranger), receipt}, {"certificates", t.TempDir(), "nope"}} {
		if got := exit(run(t.Context(), args, t.Output())); got != exitConfig {
			t.Errorf("%q: exit %d, want %d", args, got, exitConfig)
		}
	}
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for _, args := range [][]string{{}, {"-keys", nowhere, nowhere}, {receipt}, {nowhere}, {t.TempDir()}, {"-nothing", nowhere}, {nowhere, nowhere}} {
		if got := exit(run(t.Context(), append([]string{"verify"}, args...), t.Output())); got != exitConfig {
			t.Errorf("verify %q: exit %d, want %d", args, got, exitConfig)
		}
	}
}

// TestWhoAsksForHelpGetsItAndNoError is so for every command.
func TestWhoAsksForHelpGetsItAndNoError(t *testing.T) {
	for _, args := range []string{"demo", "federation", "split", "sandbox", "standalone", "serve", "certificates", "backup", "restore", "identity", "verify", "bundle", "bundle export", "bundle import", "config", "config print",
		"health", "fsck", "fsck -rebuild-indexes", "recount", "recount -below"} {
		if got := exit(run(t.Context(), append(strings.Fields(args), "-h"), t.Output())); got != exitOK {
			t.Errorf("duban %s -h: exit %d", args, got)
		}
	}
}

func TestFindingsAreCounted(t *testing.T) {
	if one, two := findings(1), findings(2); one != "1 finding" || two != "2 findings" {
		t.Errorf("%s, %s", one, two)
	}
}

func TestIdentityIsForPaper(t *testing.T) {
	var out strings.Builder
	file := filepath.Join(t.TempDir(), "duban.yaml")
	if err := os.WriteFile(file, []byte("data: "+t.TempDir()+"\ninstallation: edu.example/510100\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"identity", "-config", file}, &out); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"edu.example/510100/mirror+", `"origin"`, "edu.example/510100/federation/1+", "installations/510100"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the identity lacks %q:\n%s", part, out.String())
		}
	}
}

// TestTheIdentityOfSeveralProcesses is what the process of federation says by what it
// was handed, and the same that the seed of all gives; that of another says nothing.
func TestTheIdentityOfSeveralProcesses(t *testing.T) {
	keys, folder := filepath.Join(t.TempDir(), "keys"), t.TempDir()
	runs(t, nil, "certificates", keys, "federation", "campaign")
	c := suite.Default()
	c.Data = keys
	want := runs(t, nil, "identity", "-config", file(t, c))
	c.Data = filepath.Join(folder, "data")
	for role, wrong := range map[string]error{"federation": nil, "campaign": config.ErrWrong} {
		handed := filepath.Join(folder, role)
		if err := errors.Join(os.Mkdir(handed, 0o700), os.Rename(filepath.Join(keys, role), filepath.Join(handed, role))); err != nil {
			t.Fatal(err)
		}
		c.Peers.Keys = handed
		got := runs(t, wrong, "identity", "-config", file(t, c))
		if wrong == nil && !strings.HasPrefix(got, want) { // behind it, that no folder says the eras
			t.Errorf("%s says\n%s\nwant\n%s", role, got, want)
		}
	}
	if _, err := os.Stat(c.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a data folder was made: %v", err)
	}
}
