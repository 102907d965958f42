package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
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
		got := want.at.watched(t, want.Installation, want.Service)
		if want.State == "silent" && got.Heard < time.Hour/2 {
			t.Errorf("it was heard of %v ago", got.Heard)
		}
		got.Heard = 0
		if diff := cmp.Diff(want.Watched, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAMirrorSaysThatItsInstallationIsRevoked: also of one further down, which whoever enrolled
// it has revoked and nobody here, and of no other that the same one relays.
func TestAMirrorSaysThatItsInstallationIsRevoked(t *testing.T) {
	top, middle, low, other := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104"), newNode(t, "510105")
	top.enrol(middle)
	middle.enrol(other)
	in, err := federation.Enrol(enrolment(t, low))
	in = middle.changes(t, in, err)
	for _, n := range []*node{low, other} {
		n.work(3)
		n.push(middle.up(), middle.cosigner().VerifierKey())
		agrees(t, middle, n, "rectification")
	}
	middle.push(top.up(), top.cosigner().VerifierKey())
	for _, n := range []*node{low, other} {
		agrees(t, top, n, "rectification")
	}
	in, err = federation.Revoke(in, "密钥失窃", middle.now())
	middle.changes(t, in, err)
	agrees(t, top, middle, "federation")
	for _, at := range []*node{middle, top} {
		for n, want := range map[*node]string{low: "revoked", other: "active"} {
			name, _, _ := strings.Cut(at.mirrorOf(n, "rectification"), ".")
			if got := at.watched(t, name, "rectification"); got.State != want {
				t.Errorf("%s has the log of %s as %q, want %q", at.id, name, got.State, want)
			}
		}
	}
}

// TestADeadInstallationIsSilentAllTheWayUp though who relays it lives: what that shows is not heard of
// it. One that lives is active, and one of which two histories are signed is frozen, at each.
func TestADeadInstallationIsSilentAllTheWayUp(t *testing.T) {
	nation, top, middle := newNode(t, "500000"), newNode(t, "510000"), newNode(t, "510120")
	low, forked := newNode(t, "510204"), newNode(t, "510205")
	nation.enrol(top)
	top.enrol(middle)
	middle.enrol(low)
	middle.enrol(forked)
	var stops []func()
	for _, n := range []*node{low, forked} {
		n.work(3)
		stops = append(stops, n.push(middle.up(), middle.cosigner().VerifierKey()))
	}
	stands := func(at *node, want map[*node]string) {
		t.Helper()
		for of, state := range want {
			agrees(t, at, of, "rectification")
			installation, service, _ := strings.Cut(at.mirrorOf(of, "rectification"), ".")
			eventually(t, at.id+" has the log of "+of.id+" as "+state, func() bool { return at.watched(t, installation, service).State == state })
		}
	}
	relays := func(want map[*node]string) (stop func()) {
		stands(middle, want)
		down := middle.push(top.up(), top.cosigner().VerifierKey())
		stands(top, want)
		up := top.push(nation.up(), nation.cosigner().VerifierKey())
		stands(nation, want)
		return func() { down(); up() }
	}
	relays(map[*node]string{low: "active", forked: "active"})()
	for _, stop := range stops {
		stop()
	}
	frozen := middle.row("510205.rectification")
	frozen.State = federationv1.Mirror_STATE_FROZEN
	middle.must(middle.engines["federation"].Update(t.Context(), func(tx store.Tx) error { return rows.Table.Put(tx, frozen) }))
	later(time.Hour, low, forked, middle, top, nation)
	relays(map[*node]string{low: "silent", forked: "frozen"})
	if w := nation.watched(t, "510204~510204", "rectification"); w.Heard < time.Hour/2 {
		t.Errorf("at the top it was heard of %v ago", w.Heard)
	}
	if w := nation.watched(t, "510000", "rectification"); w.State != "active" {
		t.Errorf("who relays it is %+v", w)
	}
	low.work(2)
	low.push(middle.up(), middle.cosigner().VerifierKey())
	for _, at := range []*node{middle, top, nation} {
		stands(at, map[*node]string{low: "active"})
	}
}

// TestAFrozenMirrorIsToldOnce in the log of the process, beside its work.
func TestAFrozenMirrorIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(was) })
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	upper.must(upper.engines["federation"].Update(t.Context(), func(tx store.Tx) error {
		for _, service := range []string{"rectification", "organization"} {
			m := &federationv1.Mirror{
				Feed: "feeds/510100." + service, Origin: lower.origin(service), Unit: "units/510100", Via: "installations/510100",
				VerifierKey: keys(upper, lower).Logs[lower.origin(service)], State: federationv1.Mirror_STATE_ACTIVE, HeardTime: timestamppb.Now(),
			}
			if service == "rectification" {
				m.State = federationv1.Mirror_STATE_FROZEN
			}
			if err := rows.Save(tx, m); err != nil {
				return err
			}
		}
		return nil
	}))
	works := func(long time.Duration) {
		ended := errors.New("the work is over")
		synctest.Test(t, func(t *testing.T) {
			err := upper.service.Watched(t.Context(), func(ctx context.Context) error { return errors.Join(feed.Pause(ctx, long), ended) })
			if !errors.Is(err, ended) {
				t.Errorf("the work ends with %v", err)
			}
		})
	}
	if works(federation.Beat - time.Second); strings.Contains(out.String(), "mirrored") {
		t.Errorf("before a heartbeat is over it is told: %s", out.String())
	}
	works(5 * federation.Beat)
	const told = `level=WARN msg="a mirrored log is frozen" mirror=installations/510100/mirrors/rectification`
	if got := out.String(); strings.Count(got, told) != 1 || strings.Count(got, "WARN") != 1 {
		t.Errorf("it is told:\n%s", got)
	}
}

// watched is what is watched of a mirror.
func (n *node) watched(t *testing.T, installation, service string) server.Watched {
	t.Helper()
	all, err := n.service.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		if w.Installation == installation && w.Service == service {
			return w
		}
	}
	t.Fatalf("%s.%s is not among %+v", installation, service, all)
	return server.Watched{}
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
