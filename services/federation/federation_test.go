package federation_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

var noon = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)

// log is a tree in memory, hashed by x/mod alone, with a key.
type log struct {
	signer   note.Signer
	verifier note.Verifier
	vkey     string
	hashes   []tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

func newLog(origin string, size int) *log {
	seed := sha256.Sum256([]byte(origin))
	key := ed25519.NewKeyFromSeed(seed[:])
	l := &log{}
	l.vkey, _ = note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
	l.verifier, _ = note.NewVerifier(l.vkey)
	l.signer = signer{l.verifier, key}
	for i := range size {
		l.add(fmt.Sprint("entry ", i))
	}
	return l
}

func (l *log) add(entry string) {
	n := int64(0)
	for tlog.StoredHashIndex(0, n) < int64(len(l.hashes)) {
		n++
	}
	more, _ := tlog.StoredHashesForRecordHash(n, tlog.RecordHash([]byte(entry)), l)
	l.hashes = append(l.hashes, more...)
}

func (l *log) root(size int64) tlog.Hash {
	h, _ := tlog.TreeHash(size, l)
	return h
}

func (l *log) proof(first, size int64) []tlog.Hash {
	p, _ := tlog.ProveTree(size, first, l)
	return p
}

func (l *log) head(size int64) federation.Head {
	root := l.root(size)
	cp := formats.Checkpoint{Origin: l.verifier.Name(), Size: uint64(size), Hash: root[:]}
	text, _ := note.Sign(&note.Note{Text: string(cp.Marshal())}, l.signer)
	h, err := federation.OpenHead(l.vkey, string(text))
	if err != nil {
		panic(err)
	}
	return h
}

// TestStartsIsWhatMerkleSays compares every pair of sizes up to 300 with another
// implementation, proofs that do not hold included.
func TestStartsIsWhatMerkleSays(t *testing.T) {
	const most = 300
	l, other := newLog("edu.example/510100/rectification/1", most), newLog("edu.example/510200/rectification/1", 0)
	for i := range most {
		other.add(fmt.Sprint("else ", i))
	}
	for size := int64(1); size <= most; size++ {
		h := l.head(size)
		for first := int64(1); first <= size; first++ {
			p, root := l.proof(first, size), l.root(first)
			for _, root := range []tlog.Hash{root, other.root(first)} {
				want := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(first), uint64(size), federation.Bytes(p), root[:], h.Root[:]) == nil
				if got := h.Starts(uint64(first), root, p) == nil; got != want {
					t.Fatalf("%d in %d: %v, and merkle says %v", first, size, got, want)
				}
			}
		}
	}
}

func TestTwoHistoriesAreAFork(t *testing.T) {
	const origin = "edu.example/510100/rectification/1"
	for _, same := range []int{0, 1, 7, 8, 100} {
		a, b := newLog(origin, same), newLog(origin, same)
		for i := range 30 {
			a.add(fmt.Sprint("a ", i))
			b.add(fmt.Sprint("b ", i))
		}
		at, size := int64(same+10), int64(same+30)
		h := b.head(size)
		fork, err := federation.Grown(h, uint64(at), a.root(at), b.root(at), b.proof(at, size))
		if err != nil || !fork {
			t.Fatalf("after %d in common: %v, %v", same, fork, err)
		}
		if fork, err := federation.Grown(h, uint64(at), b.root(at), b.root(at), b.proof(at, size)); err != nil || fork {
			t.Errorf("one history is a fork: %v, %v", fork, err)
		}
		if _, err := federation.Grown(h, uint64(at), a.root(at), a.root(at), b.proof(at, size)); !errors.Is(err, federation.ErrProof) {
			t.Errorf("a made-up proof = %v, want ErrProof", err)
		}
		e := federation.NewFork(origin, uint64(at), federation.NewBranch(a.head(size), a.root(at), a.proof(at, size)), federation.NewBranch(h, b.root(at), b.proof(at, size)))
		if f := federation.Verify(e, federation.Keys{Logs: map[string]string{origin: a.vkey}}); f.Verdict != federation.Forked {
			t.Errorf("the evidence is worth %d: %s", f.Verdict, f.What)
		}
	}
}

func TestReadEntryIsStrict(t *testing.T) {
	good := func() *feedv1.Entry {
		return &feedv1.Entry{
			Version: 1, Id: make([]byte, 16), At: timestamppb.New(noon), Effective: timestamppb.New(noon),
			Kind: "test.thing.made.v1", Subject: "things/1", Rev: 1, Body: &anypb.Any{},
		}
	}
	commitment := func(label string) *feedv1.Commitment {
		return &feedv1.Commitment{Label: label, Digest: make([]byte, 32)}
	}
	for _, c := range []struct {
		name   string
		change func(*feedv1.Entry)
		want   federationv1.Code
	}{
		{"good", func(*feedv1.Entry) {}, 0},
		{"newer", func(e *feedv1.Entry) { e.Version = 2 }, federationv1.Code_CODE_SCHEMA_TOO_NEW},
		{"no version", func(e *feedv1.Entry) { e.Version = 0 }, federationv1.Code_CODE_BAD_ENTRY},
		{"no id", func(e *feedv1.Entry) { e.Id = nil }, federationv1.Code_CODE_BAD_ENTRY},
		{"no time", func(e *feedv1.Entry) { e.At = nil }, federationv1.Code_CODE_BAD_ENTRY},
		{"the year 9000", func(e *feedv1.Entry) { e.Effective = timestamppb.New(noon.AddDate(7000, 0, 0)) }, federationv1.Code_CODE_BAD_ENTRY},
		{"no kind", func(e *feedv1.Entry) { e.Kind = "" }, federationv1.Code_CODE_BAD_ENTRY},
		{"a long subject", func(e *feedv1.Entry) { e.Subject = strings.Repeat("x", 2000) }, federationv1.Code_CODE_BAD_ENTRY},
		{"two of a label", func(e *feedv1.Entry) { e.Sealed = []*feedv1.Commitment{commitment("a"), commitment("a")} }, federationv1.Code_CODE_BAD_ENTRY},
		{"sealed nothing", func(e *feedv1.Entry) { e.Body, e.Sealed = nil, []*feedv1.Commitment{commitment("a")} }, federationv1.Code_CODE_BAD_ENTRY},
		{"large", func(e *feedv1.Entry) { e.Body = &anypb.Any{Value: make([]byte, 300<<10)} }, federationv1.Code_CODE_BAD_ENTRY},
	} {
		e := good()
		c.change(e)
		b, _ := proto.Marshal(e)
		_, err := federation.ReadEntry(b)
		var p *federation.Problem
		if errors.As(err, &p); (p == nil) != (c.want == 0) || p != nil && p.Code != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	log, _ := federation.ParseOrigin("edu.example/510100/rectification/1")
	for _, c := range []struct {
		body proto.Message
		at   time.Time
		want bool
	}{
		{&rectificationv1.Problem{}, noon, true},
		{&rectificationv1.Problem{}, noon.Add(-11 * time.Minute), false}, // it comes from the future
		{&blobv1.Attachment{}, noon, true},
		{&feedv1.Era{}, noon, true},
		{nil, noon, true},
		{&organizationv1.Unit{}, noon, false},
		{&federationv1.RemoteUnit{}, noon, false},
	} {
		e := good()
		if e.Body = nil; c.body != nil {
			e.Body, _ = anypb.New(c.body)
		}
		b, _ := proto.Marshal(e)
		if run, _ := federation.ReadRun(log, []*feedv1.Record{{Entry: b}}, c.at); (run != nil) != c.want {
			t.Errorf("%T at %v was taken: %t", c.body, c.at, run != nil)
		}
	}
	b, _ := proto.Marshal(good())
	many := slices.Repeat([]*feedv1.Record{{Entry: b}}, federation.MaxRun+1)
	if _, err := federation.ReadRun(log, many, noon); err == nil {
		t.Error("a run of 1,025 was taken")
	}
}

func TestBracketsFlagBackdating(t *testing.T) {
	with := noon.Add(time.Minute)
	for _, c := range []struct {
		claimed time.Time
		want    bool
	}{{noon, false}, {noon.Add(-federation.Slack), false}, {noon.Add(-federation.Slack - time.Second), true}} {
		if b := federation.NewBracket(noon, with, federation.Claimed{At: c.claimed}); b.GetBackdated() != c.want {
			t.Errorf("claimed %v before the head without it: backdated %v", noon.Sub(c.claimed), b.GetBackdated())
		}
	}
	if b := federation.NewBracket(time.Time{}, with, federation.Claimed{At: noon.AddDate(-1, 0, 0)}); b.GetBackdated() || b.GetWithoutTime() != nil {
		t.Errorf("an entry of the first push: %v", b)
	}
	if !federation.Silent(noon, noon.Add(11*time.Minute), 10*time.Minute) || federation.Silent(noon, noon.Add(9*time.Minute), 10*time.Minute) {
		t.Error("silence is not what the policy says")
	}
}

func TestCheckRoot(t *testing.T) {
	entry := func(u *organizationv1.Unit) *feedv1.Entry {
		b, _ := anypb.New(u)
		return &feedv1.Entry{Body: b}
	}
	if err := federation.CheckRoot(entry(&organizationv1.Unit{Name: "units/a"}), "units/a"); err != nil {
		t.Error(err)
	}
	if err := federation.CheckRoot(entry(&organizationv1.Unit{Name: "units/b", Parent: "units/a"}), "units/a"); err != nil {
		t.Error(err)
	}
	if federation.CheckRoot(entry(&organizationv1.Unit{Name: "units/b"}), "units/a") == nil {
		t.Error("another root was taken")
	}
}

func enrolled(services ...string) *federationv1.Installation {
	in := &federationv1.Installation{DisplayName: "市", Unit: "units/510100", State: federationv1.Installation_STATE_ACTIVE, Name: "installations/510100"}
	for _, s := range services {
		l := newLog("edu.example/510100/"+s, 0)
		in.Logs = append(in.Logs, &federationv1.EnrolledLog{Origin: l.verifier.Name(), VerifierKey: l.vkey})
	}
	return in
}

// refusals has, for every fault of the rules, something that is refused for it.
// Those of the store and the stream are hit by the server's tests.
func TestEveryFaultIsHit(t *testing.T) {
	suspended := enrolled("federation/1")
	suspended.State = federationv1.Installation_STATE_REVOKED
	wrongKey := enrolled("federation/1")
	wrongKey.Logs[0].VerifierKey = newLog("edu.example/510200/federation/1", 0).vkey
	twoPlaces := enrolled("federation/1")
	twoPlaces.Logs = append(twoPlaces.Logs, &federationv1.EnrolledLog{Origin: "edu.example/510200/campaign/1"})
	for _, c := range []struct {
		fault *fault.Fault
		in    *federationv1.Installation
	}{
		{federation.ErrLogMissing, enrolled("organization/1")},
		{federation.ErrLogRepeated, enrolled("federation/1", "federation/1")},
		{federation.ErrOriginInvalid, enrolled("federation/x")},
		{federation.ErrOriginInvalid, twoPlaces},
		{federation.ErrKeyInvalid, wrongKey},
	} {
		if _, err := federation.Enrol(c.in); !errors.Is(err, c.fault) {
			t.Errorf("Enrol = %v, want %s", err, c.fault.Reason)
		}
	}
	if _, err := federation.Moved(suspended, federation.Resuming, ""); !errors.Is(err, federation.ErrIllegalMove) {
		t.Errorf("resuming what is revoked = %v", err)
	}
	if _, err := federation.Extend(suspended, enrolled("organization/1").Logs); !errors.Is(err, federation.ErrIllegalMove) {
		t.Errorf("extending what is revoked = %v", err)
	}
	out, err := federation.Extend(enrolled("federation/1", "organization/1"), enrolled("organization/2").Logs)
	if err != nil || federation.KeyOf(out, "edu.example/510100/organization/1") != "" || federation.KeyOf(out, "edu.example/510100/organization/2") == "" {
		t.Errorf("a newer era does not take the older's place: %v", err)
	}
}

func TestTheLifeOfAnInstallation(t *testing.T) {
	for state, moves := range federation.Life {
		for m, next := range moves {
			in := enrolled("federation/1")
			in.State = state
			out, err := federation.Moved(in, m, "核对")
			if err != nil || out.GetState() != next || in.GetState() != state {
				t.Errorf("%s from %s = %v, %v", m, state, out.GetState(), err)
			}
		}
	}
}

func TestTheReadmeDrawsTheTable(t *testing.T) {
	lifecycletest.Drawn(t, "README.md", lifecycletest.Of(federation.Life))
}
