package server_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// take appends a problem that took effect at a moment.
func (n *node) took(effective time.Time) {
	n.t.Helper()
	p := problem("problems/back", "补记")
	n.must(n.engines["rectification"].Update(n.t.Context(), func(tx store.Tx) error {
		rev, err := n.logs["rectification"].Next(tx, p.GetName())
		if err != nil {
			return err
		}
		_, err = n.logs["rectification"].Append(tx, feed.Change{Kind: "rectification.problem.updated.v1", Subject: p.GetName(), Rev: rev, Effective: effective, Body: p})
		return err
	}))
}

// TestWhatTookEffectBeforeIsBackdated: an entry that counts on a day before a head was shown
// without it is counted as backdated, and watched; one of that day, without fine time, is not.
func TestWhatTookEffectBeforeIsBackdated(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(3)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	lower.took(calendar.On(lower.now()).Start())
	agrees(t, upper, lower, "rectification")
	if row := upper.row("510100.rectification"); row.GetBackdatedCount() != 0 {
		t.Fatalf("what took effect today is backdated: %v", row.GetBackdatedSeqs())
	}
	lower.took(lower.now().AddDate(-1, 0, 0))
	agrees(t, upper, lower, "rectification")
	if row := upper.row("510100.rectification"); row.GetBackdatedCount() != 1 || len(row.GetBackdatedSeqs()) != 1 || row.GetBackdatedSeqs()[0] != 4 {
		t.Errorf("%d are backdated, %v; want the entry 4", row.GetBackdatedCount(), row.GetBackdatedSeqs())
	}
	all, err := upper.service.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		if want := uint64(0); w.Service == "rectification" && w.Backdated != 1 || w.Service != "rectification" && w.Backdated != want {
			t.Errorf("%s is watched with %d backdated entries", w.Service, w.Backdated)
		}
	}
}

// TestARecordThatSaysItIsOlderIsBackdated: entered today, it counts from the day on which it is
// to have been created; whoever works on it then dates nothing back. The bracket says which it
// is, also once the log goes on in another era, in which it is not counted twice.
func TestARecordThatSaysItIsOlderIsBackdated(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	in, err := federation.Enrol(enrolment(t, lower))
	in = upper.changes(t, in, err)
	lower.work(3)
	stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	p := problem("problems/back", "补记")
	p.CreateTime = timestamppb.New(lower.now().AddDate(0, -2, 0))
	for range 2 {
		lower.put("rectification", "rectification.problem.updated.v1", p.GetName(), p)
		agrees(t, upper, lower, "rectification")
		p.UpdateTime = timestamppb.New(lower.now())
	}
	upper.tells(map[uint64]*timestamppb.Timestamp{2: nil, 3: p.GetCreateTime(), 4: nil})
	stop()
	in, err = federation.Revoke(in, "密钥失窃", upper.now())
	in = upper.changes(t, in, err)
	lower.renews()
	in, err = federation.Reenrol(in, enrolment(t, lower).GetLogs(), "核对", upper.now())
	upper.changes(t, in, err)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	lower.put("rectification", "rectification.problem.updated.v1", p.GetName(), p)
	agrees(t, upper, lower, "rectification")
	upper.tells(map[uint64]*timestamppb.Timestamp{2: nil, 3: p.GetCreateTime(), 4: nil, 5: nil, 6: nil})
}

// tells holds the ledger's brackets against what its records say: the entry 3 alone is dated back.
func (n *node) tells(recorded map[uint64]*timestamppb.Timestamp) {
	n.t.Helper()
	if row := n.row("510100.rectification"); row.GetBackdatedCount() != 1 || row.GetBackdatedSeqs()[0] != 3 {
		n.t.Errorf("%d are backdated, %v; want the entry 3", row.GetBackdatedCount(), row.GetBackdatedSeqs())
	}
	for seq, want := range recorded {
		b, err := n.up().GetBracket(n.t.Context(), &federationv1.GetBracketRequest{Name: "installations/510100/mirrors/rectification", Seq: seq})
		if err != nil || b.GetBackdated() != (want != nil) || want != nil && b.GetWithoutTime() == nil || !proto.Equal(b.GetRecordTime(), want) {
			n.t.Errorf("the bracket of the entry %d is %v, %v; want one whose record says %v", seq, b, err, want)
		}
	}
	if name, found := rechecked(n.t, n); name != "" {
		n.t.Errorf("%s is wrong: %+v", name, found.First)
	}
}

// TestWhatIsMadeUpDoesNotCount: a simulation is refused by who is none, before anything is
// taken, and taken by another one.
func TestWhatIsMadeUpDoesNotCount(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(3)
	greet := func() *federationv1.ReplicateResponse {
		h := greeting(t, lower, upper)
		said := lower.stated(upper)
		said.Simulated = true
		text, err := lower.logs["federation"].Sign(said.Text())
		if err != nil {
			t.Fatal(err)
		}
		h = proto.CloneOf(h)
		h.Statement = string(text)
		return say(t, upper, hello(h))
	}
	if got := greet().GetReject(); got.GetCode() != federationv1.Code_CODE_CLOCK_SKEW {
		t.Errorf("a simulation is answered %v", got)
	}
	upper.close()
	upper.simulated = true
	upper.open()
	if greet().GetWelcome() == nil {
		t.Error("a simulation is refused by another")
	}
}

// TestWhatIsDatedBackFurtherDownIsToldOf: who relays a log counts what is dated back in it and
// says so in its own log, and so does whoever it relays that to. Others say nothing.
func TestWhatIsDatedBackFurtherDownIsToldOf(t *testing.T) {
	top, middle, low, other := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104"), newNode(t, "510200")
	top.enrol(middle)
	top.enrol(other)
	middle.enrol(low)
	low.push(middle.up(), middle.cosigner().VerifierKey())
	relaying := middle.push(top.up(), top.cosigner().VerifierKey())
	other.put("federation", "federation.checkpoint.cosigned.v1", "slander", &federationv1.Cosignature{Origin: low.origin("rectification"), Unit: "units/510104", BackdatedCount: 9})
	other.push(top.up(), top.cosigner().VerifierKey())
	low.work(3)
	agrees(t, top, low, "rectification")
	agrees(t, top, other, "federation")
	later(2*time.Minute, top, middle, low, other)
	low.took(low.now().AddDate(-1, 0, 0))
	agrees(t, top, low, "rectification")
	agrees(t, top, middle, "federation")
	for _, upper := range []*node{middle, top} {
		ledger := upper.mirrorOf(low, "rectification")
		if upper == top { // which is shown how all stands once more, as by a heartbeat
			relaying()
			later(2*time.Minute, top, middle)
			middle.push(top.up(), top.cosigner().VerifierKey())
			eventually(t, "it counts it", func() bool { return top.row(ledger).GetBackdatedCount() > 0 })
		}
		row := upper.row(ledger)
		if row.GetBackdatedCount() != 1 || len(row.GetBackdatedSeqs()) != 1 || row.GetBackdatedSeqs()[0] != 3 {
			t.Errorf("%s counts %d, %v; want the entry 3", upper.id, row.GetBackdatedCount(), row.GetBackdatedSeqs())
		}
		if said := upper.cosignature(ledger); said.GetBackdatedCount() != 1 || len(said.GetBackdatedSeqs()) != 1 {
			t.Errorf("%s says %v in its own log", upper.id, said)
		}
	}
}

// cosignature is what the node has said last in its own log of a mirror.
func (n *node) cosignature(mirror string) (said *federationv1.Cosignature) {
	installation, service, _ := strings.Cut(mirror, ".")
	for _, r := range n.records("federation") {
		e, err := federation.ReadEntry(r.GetEntry())
		n.must(err)
		if c, err := feed.Body[*federationv1.Cosignature](e); err == nil && c.GetName() == "installations/"+installation+"/mirrors/"+service+"/cosignature" {
			said = c
		}
	}
	return said
}
