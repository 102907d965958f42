package server_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/encoding/protojson"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/push"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
)

// greeting is what a node says when it dials.
func greeting(t testing.TB, n, upper *node) *federationv1.Hello {
	t.Helper()
	return n.greets(t, n.stated(upper))
}

// greets is what a node says when it dials and states that.
func (n *node) greets(t testing.TB, said federation.Statement) *federationv1.Hello {
	t.Helper()
	hello := &federationv1.Hello{Installation: "installations/" + n.id}
	for _, role := range roles {
		cp := n.head(role)
		head := &federationv1.Head{Origin: cp.GetOrigin()}
		if cp.GetSize() > 0 {
			head.Note = cp.GetNote()
		}
		hello.Logs = append(hello.Logs, head)
	}
	text, err := n.logs["federation"].Sign(said.Text())
	if err != nil {
		t.Fatal(err)
	}
	hello.Statement = string(text)
	return hello
}

// stated is what a node says of itself when it dials.
func (n *node) stated(upper *node) federation.Statement {
	said := federation.Statement{To: upper.cosigner().Name(), At: n.now(), Boot: strings.ToLower(rand.Text())}
	for _, role := range roles {
		cp := n.head(role)
		said.Heads = append(said.Heads, federation.Claim{Origin: cp.GetOrigin(), Size: cp.GetSize(), Root: tlog.Hash(cp.GetRoot())})
	}
	return said
}

// eventually runs check until it holds.
func eventually(t testing.TB, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !check(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		_ = feed.Pause(t.Context(), 2*time.Millisecond)
	}
}

// TestForksAndClonesAreProved: a log of which two histories were signed is frozen
// with evidence that verifies offline, however the second one comes about.
func TestForksAndClonesAreProved(t *testing.T) {
	for seed := range schedules(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			fork(t, seed)
		})
	}
}

// fork lets a copy of an installation go its own way: with fewer entries than are
// mirrored, as many, or more.
func fork(t *testing.T, seed uint64) {
	dice := mathrand.New(mathrand.NewPCG(seed, 3))
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(1 + dice.IntN(40))
	stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	stop()
	lower.close()
	clone := lower.backup()
	lower.open()
	more := 2 + dice.IntN(40)
	lower.work(more)
	stop = lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	stop()
	lower.close()
	clone()
	lower.open()
	lower.work([]int{more, more - 1, more + 1 + dice.IntN(20)}[seed%3])
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	mirror := "510100.rectification"
	eventually(t, "the log is frozen", func() bool { return upper.row(mirror).GetState() == federationv1.Mirror_STATE_FROZEN })
	e := upper.evidence(mirror)
	if got := worth(t, e, keys(upper, lower)); got.Verdict != federation.Forked {
		t.Errorf("the evidence is worth %d: %s", got.Verdict, got.What)
	}
	eventually(t, "the lower log is held", func() bool { return lower.wasHeld("rectification") })
	if err := lower.write("rectification", "rectification.problem.updated.v1", "problems/x", problem("problems/x", "新")); !errors.Is(err, feed.ErrHeld) {
		t.Errorf("a frozen log goes on below: %v", err)
	}
	if s := e.GetFork(); s != nil { // whoever changes it shows nothing
		s.Second.Root, s.Second.Note = s.First.GetRoot(), s.First.GetNote()
		if got := worth(t, e, keys(upper, lower)); got.Verdict != federation.Invalid {
			t.Errorf("evidence of one history is worth %d", got.Verdict)
		}
	}
}

// worth is what duban verify finds: the evidence as GetEvidence answers it over
// REST, and keys as they stand on paper.
func worth(t *testing.T, e *federationv1.Evidence, k federation.Keys) federation.Finding {
	t.Helper()
	b, err := protojson.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	read := &federationv1.Evidence{}
	if err := protojson.Unmarshal(b, read); err != nil {
		t.Fatal(err)
	}
	onPaper := slices.Concat([]string{"# who is trusted"}, slices.Sorted(maps.Values(k.Logs)), k.Cosigners)
	trusted, err := federation.ReadKeys(strings.Join(onPaper, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return federation.Verify(read, trusted)
}

// TestRollbacksAreProved: an installation that shows less than it had gets its
// log held, and is no fork; what it said proves it.
func TestRollbacksAreProved(t *testing.T) {
	for seed := range schedules(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dice := mathrand.New(mathrand.NewPCG(seed, 5))
			upper, lower := newNode(t, "510000"), newNode(t, "510100")
			upper.enrol(lower)
			lower.work(1 + dice.IntN(40))
			lower.close()
			restore := lower.backup()
			lower.open()
			lower.work(1 + dice.IntN(40))
			stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
			agrees(t, upper, lower, "rectification")
			stop()
			lower.close()
			restore()
			upper.ahead.Add(int64(21 * time.Minute)) // else its clock may explain it
			lower.ahead.Add(int64(21 * time.Minute))
			lower.open()
			lower.push(upper.up(), upper.cosigner().VerifierKey())
			mirror := "510100.rectification"
			eventually(t, "the lower log is held", func() bool { return lower.wasHeld("rectification") })
			if got := worth(t, upper.evidence(mirror), keys(upper, lower)); got.Verdict != federation.Forked {
				t.Errorf("the evidence is worth %d: %s", got.Verdict, got.What)
			}
			if state := upper.row(mirror).GetState(); state != federationv1.Mirror_STATE_BEHIND {
				t.Errorf("the mirror is %s, want BEHIND", state)
			}
			err := lower.write("rectification", "rectification.problem.updated.v1", "problems/x", problem("problems/x", "新"))
			if !errors.Is(err, feed.ErrHeld) {
				t.Errorf("a log that lost its tail wrote: %v", err)
			}
		})
	}
}

// TestARegainedTailAccusesNobody: an honest restore takes back what it lacks, and then
// nothing is kept against the log; a head that is shown and not proved changes nothing.
func TestARegainedTailAccusesNobody(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(10)
	lower.close()
	restore := lower.backup()
	lower.open()
	lower.work(10)
	stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	want := lower.head("rectification").GetSize()
	stop()
	lower.work(3)
	longer := lower.head("rectification").GetNote()
	lower.close()
	restore()
	for _, n := range []*node{upper, lower} {
		n.ahead.Add(int64(21 * time.Minute)) // else its clock may explain it
	}
	lower.open()
	stop = lower.push(upper.up(), upper.cosigner().VerifierKey())
	mirror := "510100.rectification"
	eventually(t, "the rollback is proved", func() bool { return upper.evidence(mirror).GetRollback() != nil })
	stop()
	unproved := greeting(t, lower, upper)
	unproved.Logs[2].Note = longer
	eventually(t, "its stream has ended above", func() bool { return say(t, upper, hello(unproved)).GetWelcome() != nil })
	if upper.evidence(mirror).GetRollback() == nil {
		t.Error("a longer head, of which nothing is proved, took the evidence back")
	}
	lower.recovers = true
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	eventually(t, "the tail is back", func() bool { return lower.head("rectification").GetSize() == want && !lower.wasHeld("rectification") })
	lower.work(5)
	agrees(t, upper, lower, "rectification")
	if e := upper.evidence(mirror); e != nil {
		t.Errorf("a log that is whole again stands accused: %s", worth(t, e, keys(upper, lower)).What)
	}
}

// TestForgeriesAreRefused: what is not signed by the enrolled key, or leads
// elsewhere than is signed, leaves no trace.
func TestForgeriesAreRefused(t *testing.T) {
	for seed := range schedules(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dice := mathrand.New(mathrand.NewPCG(seed, 9))
			upper, lower, forger := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510900")
			upper.enrol(lower)
			lower.work(1 + dice.IntN(20))
			stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
			agrees(t, upper, lower, "rectification")
			stop()
			eventually(t, "its stream has ended above", func() bool { // until then another is a clone's
				return say(t, upper, hello(greeting(t, lower, upper))).GetWelcome() != nil
			})
			lower.work(4)
			before := upper.row("510100.rectification").GetSize()
			forge(t, upper, lower, forger, dice)
			if got := upper.row("510100.rectification"); got.GetSize() != before || got.GetState() != federationv1.Mirror_STATE_ACTIVE {
				t.Errorf("the mirror has %d entries and is %s, want %d and ACTIVE", got.GetSize(), got.GetState(), before)
			}
			lower.push(upper.up(), upper.cosigner().VerifierKey())
			agrees(t, upper, lower, "rectification") // and what is genuine is taken
		})
	}
}

// forge sends a made-up greeting, then a genuine one and made-up entries.
func forge(t *testing.T, upper, lower, forger *node, dice *mathrand.Rand) {
	t.Helper()
	lie := greeting(t, forger, upper)
	lie.Installation = "installations/" + lower.id
	if got := say(t, upper, hello(lie)); got.GetReject().GetCode() != federationv1.Code_CODE_BAD_SIGNATURE {
		t.Errorf("a forged greeting is answered %v", got)
	}
	elsewhere := greeting(t, lower, forger)
	if got := say(t, upper, hello(elsewhere)); got.GetReject().GetCode() != federationv1.Code_CODE_BAD_SIGNATURE {
		t.Errorf("a greeting to somebody else is answered %v", got)
	}
	n, origin := upper.row("510100.rectification").GetSize(), lower.origin("rectification")
	proof := genuine(t, lower, n)
	run := lower.records("rectification")[n:]
	i := dice.IntN(len(run))
	run[i].Entry[dice.IntN(len(run[i].Entry))] ^= 1 << dice.IntN(8)
	got := say(t, upper, hello(greeting(t, lower, upper)), proof, &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Append{
		Append: &federationv1.Append{Origin: origin, Records: run},
	}})
	switch got.GetReject().GetCode() {
	case federationv1.Code_CODE_BAD_PROOF, federationv1.Code_CODE_BAD_ENTRY, federationv1.Code_CODE_SCHEMA_TOO_NEW, federationv1.Code_CODE_CLOCK_SKEW:
	default:
		t.Errorf("a changed entry is answered %v", got)
	}
	slander(t, upper, lower, forger)
}

// slander makes up that the lower node has two histories, of which a forger has
// signed the second.
func slander(t *testing.T, upper, lower, forger *node) {
	t.Helper()
	branch := func(n *node) *federationv1.Branch {
		h := n.head("rectification")
		return &federationv1.Branch{Root: h.GetRoot(), Note: h.GetNote()}
	}
	forger.work(int(lower.head("rectification").GetSize()))
	e := federation.NewFork(lower.origin("rectification"), lower.head("rectification").GetSize(), branch(lower), branch(forger))
	if got := worth(t, e, keys(upper, lower, forger)); got.Verdict != federation.Invalid {
		t.Errorf("made-up evidence is worth %d: %s", got.Verdict, got.What)
	}
}

func hello(h *federationv1.Hello) *federationv1.ReplicateRequest {
	return &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Hello{Hello: h}}
}

// genuine proves the lower node's head from size on.
func genuine(t *testing.T, lower *node, size uint64) *federationv1.ReplicateRequest {
	t.Helper()
	if size == 0 {
		return &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Prove{Prove: &federationv1.Prove{
			Origin: lower.origin("rectification"), Note: lower.head("rectification").GetNote(),
		}}}
	}
	was, proof, err := push.Proofs(t.Context(), lower.feeds, "rectification", size, lower.head("rectification").GetSize())
	if err != nil {
		t.Fatal(err)
	}
	return &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Prove{Prove: &federationv1.Prove{
		Origin: lower.origin("rectification"), Note: lower.head("rectification").GetNote(), Size: size, Root: was, Consistency: proof,
	}}}
}

// say sends messages in a stream of their own and returns the last answer.
func say(t *testing.T, upper *node, messages ...*federationv1.ReplicateRequest) (last *federationv1.ReplicateResponse) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := upper.up().Replicate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	_ = stream.CloseSend()
	for {
		m, err := stream.Recv()
		if err != nil {
			return last
		}
		last = m
	}
}

// TestTwiceReceivedIsOnceApplied: a run that comes again, whole or in part, is
// acknowledged and changes nothing.
func TestTwiceReceivedIsOnceApplied(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(9)
	all := lower.records("rectification")
	run := func(from int) *federationv1.ReplicateRequest {
		return &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Append{
			Append: &federationv1.Append{Origin: lower.origin("rectification"), Records: all[from:]},
		}}
	}
	for _, from := range []int{0, 0, 5} {
		got := say(t, upper, hello(greeting(t, lower, upper)), genuine(t, lower, upper.size()), run(from), run(from))
		if got.GetAck().GetSize() != 9 {
			t.Errorf("a run from %d on is answered %v", from, got)
		}
	}
	agrees(t, upper, lower, "rectification")
}

// TestTooMuchOpenedIsRefused: what is sealed otherwise than as office does not go
// up, even if who has it sends it.
func TestTooMuchOpenedIsRefused(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.put("complaint", "complaint.complaint.created.v1", "complaints/1", &complaintv1.Complaint{Name: "complaints/1", Text: "王某某反映"})
	run := lower.records("complaint")
	o := &feedv1.Opening{}
	err := lower.engines["complaint"].View(t.Context(), func(tx store.Tx) (err error) {
		o, err = lower.logs["complaint"].Opening(tx, 0, "text")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	run[0].Openings = append(run[0].Openings, &feedv1.OpenedCommitment{Label: "text", Opening: o})
	got := say(t, upper, hello(greeting(t, lower, upper)), &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Prove{Prove: &federationv1.Prove{
		Origin: lower.origin("complaint"), Note: lower.head("complaint").GetNote(),
	}}}, &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Append{
		Append: &federationv1.Append{Origin: lower.origin("complaint"), Records: run},
	}})
	if r := got.GetReject(); r.GetCode() != federationv1.Code_CODE_BAD_ENTRY || !strings.Contains(r.GetDetail(), "stays below") {
		t.Errorf("it is answered %v", got)
	}
}

// TestHonestNodesRaiseNoAlarm: stops, kills, and backups that have everything
// that was pushed.
func TestHonestNodesRaiseNoAlarm(t *testing.T) {
	for seed := range schedules(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dice := mathrand.New(mathrand.NewPCG(seed, 13))
			upper, lower := newNode(t, "510000"), newNode(t, "510100")
			upper.enrol(lower)
			for range 4 {
				lower.work(1 + dice.IntN(30))
				stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
				if dice.IntN(2) == 0 {
					agrees(t, upper, lower, "rectification")
				}
				stop()
				lower.close()
				restore := lower.backup()
				if dice.IntN(2) == 0 {
					restore()
				}
				if dice.IntN(3) == 0 {
					upper.close()
					upper.open()
				}
				lower.open()
			}
			lower.push(upper.up(), upper.cosigner().VerifierKey())
			agrees(t, upper, lower, "rectification")
			if row := upper.row("510100.rectification"); row.GetBackdatedCount() > 0 {
				t.Errorf("honest entries are backdated: %v", row.GetBackdatedSeqs())
			}
			if e := upper.evidence("510100.rectification"); e != nil || lower.wasHeld("rectification") {
				t.Errorf("a false alarm: %v", e)
			}
		})
	}
}

// TestARestoredBackupTakesItsTailBack: an old backup under the same name goes on
// where the mirror is, and nothing is a fork.
func TestARestoredBackupTakesItsTailBack(t *testing.T) {
	for seed := range schedules(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dice := mathrand.New(mathrand.NewPCG(seed, 17))
			upper, lower := newNode(t, "510000"), newNode(t, "510100")
			lower.recovers = true
			upper.enrol(lower)
			lower.work(dice.IntN(30))
			lower.close()
			restore := lower.backup()
			lower.open()
			lower.work(1 + dice.IntN(60))
			stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
			agrees(t, upper, lower, "rectification")
			want := upper.head("510100.rectification")
			stop()
			lower.close()
			restore()
			lower.open()
			lower.push(upper.up(), upper.cosigner().VerifierKey())
			eventually(t, "the tail is back", func() bool {
				return lower.head("rectification").GetSize() == want.GetSize() && !lower.wasHeld("rectification")
			})
			if got := lower.head("rectification"); string(got.GetRoot()) != string(want.GetRoot()) {
				t.Fatalf("the root is %x, want %x", got.GetRoot(), want.GetRoot())
			}
			lower.work(5)
			agrees(t, upper, lower, "rectification")
			eventually(t, "the mirror is active", func() bool {
				return upper.row("510100.rectification").GetState() == federationv1.Mirror_STATE_ACTIVE
			})
			whole(t, lower, "rectification")
		})
	}
}

// whole says whether fsck finds nothing wrong.
func whole(t *testing.T, n *node, role string) {
	t.Helper()
	key, err := note.NewVerifier(n.logs[role].VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	report, err := fsck.Check(t.Context(), n.engines[role], fsck.Expect{Verifier: key})
	if err != nil || report.Wrong > 0 {
		t.Errorf("fsck = %+v, first %+v, %v", report, report.First, err)
	}
}
