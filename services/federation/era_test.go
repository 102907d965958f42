package federation_test

import (
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
)

// TestAnEraThatEndedFrozenStays under a name of its own, also of a log that is relayed and is frozen
// where it is pushed to; any other leaves nothing.
func TestAnEraThatEndedFrozenStays(t *testing.T) {
	const active, behind, frozen = federationv1.Mirror_STATE_ACTIVE, federationv1.Mirror_STATE_BEHIND, federationv1.Mirror_STATE_FROZEN
	for _, tt := range []struct {
		name, feed, unit string
		state, relayed   federationv1.Mirror_State
		want             string
	}{
		{"installations/510104/mirrors/rectification", "510104.rectification", "units/x", frozen, 0, "installations/510104/mirrors/rectification.3"},
		{"installations/510104~x/mirrors/rectification", "510104~x.rectification", "units/x", active, frozen, "installations/510104~x/mirrors/rectification.3"},
		{"installations/510104~x/mirrors/rectification", "510104~x.rectification", "units/x", active, behind, ""},
		{"installations/510104/mirrors/rectification", "510104.rectification", "units/x", behind, 0, ""},
	} {
		m := &federationv1.Mirror{
			Name: tt.name, Feed: "feeds/" + tt.feed, Unit: tt.unit, Origin: "edu.example/510104/rectification/3", Size: 7, State: tt.state, RelayedState: tt.relayed,
		}
		got := federation.Ended(m)
		if got.GetName() != tt.want || federation.IsEnded(m) || m.GetName() != tt.name {
			t.Errorf("%v leaves %v", m, got)
		}
		if got != nil && (!federation.IsEnded(got) || got.GetFeed() != m.GetFeed()+".3" || got.GetSize() != 7) {
			t.Errorf("%v leaves %v", m, got)
		}
	}
}
