package server_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/federation/server"
)

// TestWhatIsWatched: who pushes here and what they relay, how each stands, and how much
// of one's own logs is known above.
func TestWhatIsWatched(t *testing.T) {
	top, middle, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104")
	top.enrol(middle)
	middle.enrol(low)
	low.work(7)
	unsent(t, low, "rectification", low.head("rectification").GetSize())
	stop := low.push(middle.up(), middle.cosigner().VerifierKey())
	agrees(t, middle, low, "rectification")
	unsent(t, low, "rectification", 0)
	relaying := middle.push(top.up(), top.cosigner().VerifierKey())
	agrees(t, top, low, "rectification")
	stop()
	relaying()
	later(time.Hour, top)
	for _, want := range []struct {
		at *node
		server.Watched
	}{
		{middle, server.Watched{Installation: "510104", Service: "rectification", State: "active"}},
		{top, server.Watched{Installation: "510104~510104", Service: "rectification", State: "silent", Relayed: true}},
	} {
		got, err := want.at.service.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, w := range got {
			if w.Installation != want.Installation || w.Service != want.Service {
				continue
			}
			found = true
			if want.State == "silent" && w.Heard < time.Hour/2 {
				t.Errorf("it was heard of %v ago", w.Heard)
			}
			w.Heard = 0
			if diff := cmp.Diff(want.Watched, w); diff != "" {
				t.Error(diff)
			}
		}
		if !found {
			t.Errorf("%+v is not among %+v", want.Watched, got)
		}
	}
}

// unsent waits until so much of the log is not known above, and since when.
func unsent(t *testing.T, n *node, role string, want uint64) {
	t.Helper()
	eventually(t, "what is not known above", func() bool {
		entries, since, err := n.own().Unsent(t.Context(), role)
		if err != nil || since.IsZero() != (entries == 0) {
			t.Fatalf("Unsent = %d, %v, %v", entries, since, err)
		}
		return entries == want
	})
}
