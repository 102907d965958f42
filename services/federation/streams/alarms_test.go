package streams_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/federation/streams"
)

// TestAMirrorThatFallsSilentIsToldOnce, each for itself, and again once it was heard between.
func TestAMirrorThatFallsSilentIsToldOnce(t *testing.T) {
	out := logged(t)
	var alarms streams.Alarms
	for _, looked := range []string{"a active", "b silent", "a silent", "a silent", "b silent", "a active", "a silent", "a behind", "b frozen", "b frozen", "a revoked"} {
		installation, state, _ := strings.Cut(looked, " ")
		alarms.Tell(t.Context(), installation, "rectification", state)
	}
	var told []string
	for line := range strings.Lines(out.String()) {
		_, what, _ := strings.Cut(strings.TrimSpace(line), "level=")
		told = append(told, what)
	}
	of := func(state, installation string) string {
		return `WARN msg="a mirrored log is ` + state + `" mirror=installations/` + installation + "/mirrors/rectification"
	}
	if diff := cmp.Diff([]string{of("silent", "b"), of("silent", "a"), of("silent", "a"), of("frozen", "b")}, told); diff != "" {
		t.Error(diff)
	}
}
