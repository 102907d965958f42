package server_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/federation/push"
	"github.com/duban-project/duban/services/internal/store"
)

// exported is a file that the lower node makes for the upper one.
func exported(lower, upper *node, from map[string]uint64, most int) (file []*federationv1.ReplicateRequest) {
	lower.t.Helper()
	c := lower.pushing(nil, upper.cosigner().VerifierKey())
	c.Recipient = lower.recipient()
	lower.must(push.Export(lower.t.Context(), c, from, most, func(m *federationv1.ReplicateRequest) error {
		file = append(file, proto.CloneOf(m))
		return nil
	}))
	return file
}

// recipient is for whom the node wants receipts sealed.
func (n *node) recipient() string {
	return bundle.NewIdentity(sha256.Sum256([]byte("bundles " + n.id))).Recipient()
}

// imports gives a file to the node, and returns what it refuses of each log.
func imports(n *node, file []*federationv1.ReplicateRequest) (codes map[string]federationv1.Code, sizes map[string]uint64) {
	n.t.Helper()
	rest := slices.Clone(file)
	answers, _, err := n.service.Import(n.t.Context(), func() (*federationv1.ReplicateRequest, error) {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		m := rest[0]
		rest = rest[1:]
		return m, nil
	})
	n.must(err)
	codes, sizes = map[string]federationv1.Code{}, map[string]uint64{}
	for _, m := range answers {
		if a := m.GetAck(); a != nil {
			sizes[a.GetOrigin()] = a.GetSize()
		}
		if r := m.GetReject(); r != nil {
			codes[r.GetOrigin()] = r.GetCode()
		}
	}
	return codes, sizes
}

// later moves a node's clock on.
func later(by time.Duration, nodes ...*node) {
	for _, n := range nodes {
		n.ahead.Add(int64(by))
	}
}

// TestBundlesBringWhatStreamsDo: files of whatever size, made days ago, in whatever
// order and repeated, give the same mirror as a stream, that of those further down
// included; each is refused until those before it are there.
func TestBundlesBringWhatStreamsDo(t *testing.T) {
	top, middle, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104")
	top.enrol(middle)
	middle.enrol(low)
	low.work(20)
	middle.work(20)
	stop := low.push(middle.up(), middle.cosigner().VerifierKey())
	agrees(t, middle, low, "rectification")
	stop()
	var files [][]*federationv1.ReplicateRequest
	for from := (map[string]uint64{}); ; {
		file := exported(middle, top, from, 3000)
		for _, m := range file {
			if run := m.GetAppend().GetRecords(); len(run) > 0 {
				from[m.GetAppend().GetOrigin()] = run[len(run)-1].GetSeq() + 1
			}
		}
		if len(file) == 1 {
			break // a greeting
		}
		files = append(files, file)
	}
	if len(files) < 5 {
		t.Fatalf("%d files, want more", len(files))
	}
	later(50*time.Hour, top)
	dice := mathrand.New(mathrand.NewPCG(1, 11))
	for left := slices.Concat(files, files[:2]); len(left) > 0; {
		i := dice.IntN(len(left))
		before := top.size()
		codes, _ := imports(top, left[i])
		early := false
		for origin, code := range codes {
			early = early || code == federationv1.Code_CODE_GAP || code == federationv1.Code_CODE_UNKNOWN_LOG
			if code != federationv1.Code_CODE_GAP && code != federationv1.Code_CODE_UNKNOWN_LOG {
				t.Fatalf("%s of file %d: %s", origin, i, code)
			}
		}
		if codes[middle.origin("rectification")] == federationv1.Code_CODE_GAP && top.size() != before {
			t.Fatal("something of a log that has a gap was kept")
		}
		if !early {
			left = slices.Delete(left, i, i+1)
		}
	}
	agrees(t, top, middle, "rectification")
	agrees(t, top, low, "rectification")
	if name, found := rechecked(t, top); name != "" {
		t.Errorf("%s is wrong: %+v", name, found.First)
	}
}

// TestAForkInABundleIsProved: a copy of an installation that went its own way is
// shown to have done so, wherever the file begins, however its runs are cut, and
// whether it has more or less than is mirrored.
func TestAForkInABundleIsProved(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dice := mathrand.New(mathrand.NewPCG(seed, 13))
			upper, lower := newNode(t, "510000"), newNode(t, "510100")
			upper.enrol(lower)
			same := 1 + dice.IntN(20)
			lower.work(same)
			lower.close()
			clone := lower.backup()
			lower.open()
			more := 2 + dice.IntN(20)
			lower.work(more)
			codes, _ := imports(upper, exported(lower, upper, nil, 1<<20))
			if len(codes) > 0 {
				t.Fatalf("an honest bundle: %v", codes)
			}
			lower.close()
			clone()
			lower.open()
			lower.work([]int{more, 1 + dice.IntN(more), more + 1 + dice.IntN(20)}[seed%3])
			from := map[string]uint64{lower.origin("rectification"): uint64([]int{0, same, dice.IntN(same + 1)}[dice.IntN(3)])}
			codes, _ = imports(upper, exported(lower, upper, from, 500+dice.IntN(1<<14)))
			if len(codes) != 1 || codes[lower.origin("rectification")] != federationv1.Code_CODE_FORK {
				t.Fatalf("the other history is answered %v", codes)
			}
			mirror := "510100.rectification"
			if got := federation.Verify(upper.evidence(mirror), keys(upper, lower)); got.Verdict != federation.Forked {
				t.Errorf("the evidence is worth %d: %s", got.Verdict, got.What)
			}
			if state := upper.row(mirror).GetState(); state != federationv1.Mirror_STATE_FROZEN {
				t.Errorf("the mirror is %s", state)
			}
		})
	}
}

// TestForgedBundlesLeaveNothing: a message changed anywhere is refused, and the
// file is taken as it was.
func TestForgedBundlesLeaveNothing(t *testing.T) {
	upper, lower, other := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510900")
	upper.enrol(lower)
	lower.work(10)
	file := exported(lower, upper, nil, 1<<20)
	forged := slices.Clone(file)
	forged[0] = hello(greeting(t, other, upper))
	forged[0].GetHello().Installation = "installations/510100"
	if codes, _ := imports(upper, forged); codes[""] != federationv1.Code_CODE_BAD_SIGNATURE {
		t.Errorf("a forged greeting: %v", codes)
	}
	if codes, _ := imports(upper, exported(lower, other, nil, 1<<20)); codes[""] != federationv1.Code_CODE_BAD_SIGNATURE {
		t.Errorf("a bundle for somebody else: %v", codes)
	}
	origin := lower.origin("rectification")
	for i, m := range file {
		changed := proto.CloneOf(m)
		switch {
		case m.GetProve().GetOrigin() == origin:
			changed.GetProve().Note = string(bytes.Replace([]byte(m.GetProve().GetNote()), []byte("\n10\n"), []byte("\n11\n"), 1))
		case m.GetAppend().GetOrigin() == origin:
			changed.GetAppend().Records[3].Entry[40] ^= 1
		default:
			continue
		}
		forged := slices.Clone(file)
		forged[i] = changed
		codes, _ := imports(upper, forged)
		if codes[origin] == 0 || upper.size() != 0 {
			t.Errorf("message %d changed: %v, and %d entries are there", i, codes, upper.size())
		}
	}
	if codes, sizes := imports(upper, file); len(codes) > 0 || sizes[origin] != 10 {
		t.Errorf("the genuine one: %v, %v", codes, sizes)
	}
}

// TestWhatABundleSaysOfTime: heads count as shown when they were, not when they
// arrived, so that nothing that was written meanwhile seems backdated; older files
// are no rollback; what was said after more was cosigned is.
func TestWhatABundleSaysOfTime(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	origin, mirror := lower.origin("rectification"), "510100.rectification"
	lower.work(5)
	lower.close()
	old := lower.backup()
	lower.open()
	first := exported(lower, upper, nil, 1<<20)
	said := lower.now()
	lower.work(5)
	second := exported(lower, upper, map[string]uint64{origin: 5}, 1<<20)
	later(48*time.Hour, upper, lower)
	imports(upper, first)
	if heard := upper.row(mirror).GetHeardTime().AsTime(); heard.After(said) {
		t.Errorf("heard of at %v, and it was said by %v", heard, said)
	}
	if empty := upper.row("510100.federation").GetHeardTime().AsTime(); empty.Before(said.Add(-time.Hour)) {
		t.Errorf("an empty log was heard of at %v", empty)
	}
	upper.must(upper.engines["federation"].View(t.Context(), func(tx store.Tx) error {
		for row, err := range tx.Scan("mirror/"+mirror+"/1/shown", nil, nil) {
			if at := time.Unix(0, int64(number(row.Value))); err != nil || at.After(said) {
				t.Errorf("a head counts as shown at %v, %v", at, err)
			}
		}
		return nil
	}))
	imports(upper, second)
	if codes, sizes := imports(upper, first); len(codes) > 0 || sizes[origin] != 10 || upper.row(mirror).GetState() != federationv1.Mirror_STATE_ACTIVE {
		t.Errorf("an older bundle: %v, %v, %s", codes, sizes, upper.row(mirror).GetState())
	}
	lower.close()
	old()
	lower.open()
	later(time.Hour, upper, lower)
	codes, _ := imports(upper, exported(lower, upper, nil, 1<<20))
	if codes[origin] != federationv1.Code_CODE_ROLLBACK || upper.row(mirror).GetState() != federationv1.Mirror_STATE_BEHIND {
		t.Errorf("a restored backup is answered %v", codes)
	}
	if got := federation.Verify(upper.evidence(mirror), keys(upper, lower)); got.Verdict != federation.Forked {
		t.Errorf("the evidence is worth %d: %s", got.Verdict, got.What)
	}
	imports(upper, second)
	if state := upper.row(mirror).GetState(); state != federationv1.Mirror_STATE_BEHIND {
		t.Errorf("after an older bundle the mirror is %s", state)
	}
}

func number(b []byte) (n uint64) {
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

// TestOneFileHasAllOrNothing: a gap in one log keeps the others of the file out
// too; a log that entries of the same file enrol is taken with them.
func TestOneFileHasAllOrNothing(t *testing.T) {
	top, middle, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104")
	top.enrol(middle)
	middle.enrol(low)
	low.work(5)
	middle.work(10)
	stop := low.push(middle.up(), middle.cosigner().VerifierKey())
	agrees(t, middle, low, "rectification")
	stop()
	codes, sizes := imports(top, exported(middle, top, map[string]uint64{middle.origin("rectification"): 5}, 1<<20))
	if codes[middle.origin("rectification")] != federationv1.Code_CODE_GAP || sizes[middle.origin("federation")] != 0 {
		t.Errorf("a file with a gap: %v, %v", codes, sizes)
	}
	if codes, _ = imports(top, exported(middle, top, nil, 1<<20)); len(codes) > 0 {
		t.Errorf("a whole file: %v", codes)
	}
	agrees(t, top, low, "rectification")
}

// TestWhoGetsTheReceipt: whom the signed greeting of a file names, and nobody if
// that is not to be believed, as when it was said on a stream.
func TestWhoGetsTheReceipt(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(3)
	file := exported(lower, upper, nil, 1<<20)
	onStream := slices.Concat([]*federationv1.ReplicateRequest{hello(greeting(t, lower, upper))}, file[1:])
	redirected := slices.Concat([]*federationv1.ReplicateRequest{proto.CloneOf(file[0])}, file[1:])
	redirected[0].GetHello().Statement = strings.Replace(file[0].GetHello().GetStatement(), lower.recipient(), upper.recipient(), 1)
	for _, c := range []struct {
		name string
		file []*federationv1.ReplicateRequest
		code federationv1.Code
		to   string
	}{
		{"said on a stream", onStream, federationv1.Code_CODE_BAD_SIGNATURE, ""},
		{"redirected", redirected, federationv1.Code_CODE_BAD_SIGNATURE, ""},
		{"as it was made", file, federationv1.Code_CODE_UNSPECIFIED, lower.recipient()},
	} {
		rest := c.file
		answers, to, err := upper.service.Import(t.Context(), func() (*federationv1.ReplicateRequest, error) {
			if len(rest) == 0 {
				return nil, io.EOF
			}
			m := rest[0]
			rest = rest[1:]
			return m, nil
		})
		if err != nil || to != c.to || answers[0].GetReject().GetCode() != c.code {
			t.Errorf("%s: sealed for %q, %v, %v", c.name, to, answers[0], err)
		}
	}
}
