package server_test

import (
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// TestANameThatIsTakenIsToldOf: two installations below have each enrolled one of the same
// name. The first stays, and the mirror of the second says that its own is not taken.
func TestANameThatIsTakenIsToldOf(t *testing.T) {
	top, a, b := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510200")
	top.enrol(a)
	top.enrol(b)
	enrolled := func(n *node, unit string) {
		in := &federationv1.Installation{Name: "installations/510104", Unit: unit, State: federationv1.Installation_STATE_ACTIVE}
		n.put("federation", "federation.installation.enrolled.v1", in.GetName(), in)
		n.push(top.up(), top.cosigner().VerifierKey())
		agrees(t, top, n, "federation")
	}
	enrolled(a, "units/510177")
	enrolled(b, "units/510104")
	if row := top.row("510100.federation"); row.GetRefusedCount() != 0 {
		t.Errorf("the first is refused: %v", row.GetRefusedUnits())
	}
	row := top.row("510200.federation")
	if row.GetRefusedCount() != 1 || row.GetRefusedUnits()[0].GetUnit() != "units/510104" || row.GetRefusedUnits()[0].GetReason() != federationv1.RefusedUnit_REASON_TAKEN {
		t.Errorf("the second is told of as %d: %v", row.GetRefusedCount(), row.GetRefusedUnits())
	}
}
