package suite

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/store"
)

// TestTheProcessTellsOfMirrorsThatStandStill: the work of federation's role, as the process
// has it, says in the log which mirror is frozen and which is silent by the clock that the
// process was given, and of none that was just heard of.
func TestTheProcessTellsOfMirrorsThatStandStill(t *testing.T) {
	at := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	worker, engine := federationOf(t, func() time.Time { return at })
	err := engine.Update(t.Context(), func(tx store.Tx) error {
		for service, m := range map[string]*federationv1.Mirror{
			"rectification": {State: federationv1.Mirror_STATE_FROZEN, HeardTime: timestamppb.New(at)},
			"complaint":     {State: federationv1.Mirror_STATE_ACTIVE, HeardTime: timestamppb.New(at.Add(-24 * time.Hour))},
			"campaign":      {State: federationv1.Mirror_STATE_ACTIVE, HeardTime: timestamppb.New(at)},
		} {
			m.Feed, m.Origin = "feeds/510104~510104."+service, "edu.example/510104/"+service+"/1"
			m.Unit, m.Via = "units/510104", "installations/510100"
			if err := rows.Save(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(out, nil)))
	t.Cleanup(func() { slog.SetDefault(was) })
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- worker.Work(ctx) }()
		paused := feed.Pause(ctx, federation.Beat*5/2)
		stop()
		if err := <-ended; paused != nil || err == nil {
			t.Errorf("the role works: %v, %v", paused, err)
		}
	})
	var told []string
	for line := range strings.Lines(out.String()) {
		_, what, _ := strings.Cut(strings.TrimSpace(line), "level=")
		told = append(told, what)
	}
	want := []string{
		`WARN msg="a mirrored log is silent" mirror=installations/510104~510104/mirrors/complaint`,
		`WARN msg="a mirrored log is frozen" mirror=installations/510104~510104/mirrors/rectification`,
	}
	if !slices.Equal(told, want) {
		t.Errorf("it tells %q, want %q", told, want)
	}
}

// federationOf opens a process at that clock, and returns what its federation's role does and
// writes in.
func federationOf(t *testing.T, now func() time.Time) (worker serve.Worker, engine store.Engine) {
	t.Helper()
	at := slices.IndexFunc(roles, func(r role) bool { return r.name == "federation" })
	build := roles[at].build
	t.Cleanup(func() { roles[at].build = build })
	roles[at].build = func(ctx context.Context, s *Suite, book *change.Book) (serve.Service, error) {
		service, err := build(ctx, s, book)
		worker, _ = service.(serve.Worker)
		return service, err
	}
	c := Default()
	c.Data = t.TempDir()
	s, err := Open(t.Context(), c, Options{Out: t.Output(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if worker == nil {
		t.Fatal("federation's role does nothing by itself")
	}
	return worker, s.engines["federation"]
}
