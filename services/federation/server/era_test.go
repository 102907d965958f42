package server_test

import (
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// TestAnEraThatEndedIsNotUnknown: whoever comes back with a log in an era of before, as
// with a backup that is older than the new one, is told that nothing of it is taken, and
// not that nothing of it is known: restored data would go on after that.
func TestAnEraThatEndedIsNotUnknown(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower, "edu.example/510100/rectification/2")
	lower.work(3)
	for _, l := range say(t, upper, hello(greeting(t, lower, upper))).GetWelcome().GetLogs() {
		want := federationv1.Code_CODE_UNSPECIFIED
		if l.GetOrigin() == lower.origin("rectification") {
			want = federationv1.Code_CODE_REVOKED
		}
		if l.GetCode() != want {
			t.Errorf("%s stands as %s, want %s", l.GetOrigin(), l.GetCode(), want)
		}
	}
}
