package server_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
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
	lower.took(lower.now().Truncate(24 * time.Hour))
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
