package server_test

import (
	"testing"

	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/own"
	"github.com/duban-project/duban/services/internal/store"
)

// TestARestoredInstallationHearsWhatIsCosigned: what it knew of that came back older with its
// stores, and the first greeting tells it, also if nothing is written any more.
func TestARestoredInstallationHearsWhatIsCosigned(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(3)
	stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
	unsent(t, lower, "rectification", 0)
	stop()
	lower.must(lower.engines["federation"].Update(t.Context(), func(tx store.Tx) error {
		return tx.Delete(own.Bucket, []byte(lower.origin("rectification")))
	}))
	unsent(t, lower, "rectification", 3)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	unsent(t, lower, "rectification", 0)
	e, err := lower.own().Receipt(t.Context(), "feeds/rectification", 1)
	if f := federation.Verify(e, keys(upper, lower)); err != nil || f.Verdict != federation.Valid {
		t.Errorf("the receipt says %v, %v", f, err)
	}
}
