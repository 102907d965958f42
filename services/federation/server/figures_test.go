package server_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/recount"
	aggregation "github.com/duban-project/duban/services/aggregation/server"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// figures are those that aggregation keeps above a node's mirrors. They stop when the node
// does, and go on from their store when it is started again. Nil are none.
type figures struct {
	engine store.Engine
	stop   func()
}

// tree is asked by nobody here: no reports come.
type tree struct{ aggregation.Directory }

// CatchUp implements desk.Directory.
func (tree) CatchUp(context.Context) error { return nil }

// Position implements desk.Directory.
func (tree) Position() uint64 { return 0 }

// count lets figures be kept above the node's mirrors, of which there is one at least: those
// that come later are found some time later.
func (n *node) count() {
	n.figures = &figures{}
	n.figures.work(n)
}

func (f *figures) work(n *node) {
	if f == nil {
		return
	}
	engine, err := bolt.Open(filepath.Join(n.dir, "aggregation.db"), bolt.Options{MapSize: 64 << 20})
	n.must(err)
	f.engine = n.engine(engine)
	book := &change.Book{Store: f.engine, Now: n.now, Clock: n.now}
	service := aggregation.New(book, tree{}, n.feeds, nil, "rectification")
	service.Federate(federationv1.NewFederationServiceClient(n.dial()), "installations/"+n.id)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := service.Work(ctx); ctx.Err() == nil {
			n.t.Errorf("the figures are given up: %v", err)
		}
	}()
	f.stop = func() {
		cancel()
		<-ended
		n.must(engine.Close())
	}
}

func (f *figures) rest() {
	if f != nil {
		f.stop()
	}
}

// counts waits until the upper node's figures have all that is below, and holds them against
// two counts from the first entry on: of its mirrors, with all else that is kept of them, and
// of what the lower one keeps itself.
func counts(t testing.TB, upper, lower *node) {
	t.Helper()
	kept, sources := upper.figures.engine, recount.Sources("", upper.engines)
	mirrors, err := rows.Mirrored(t.Context(), upper.engines["federation"])
	if err != nil {
		t.Fatal(err)
	}
	mirrored := slices.Clone(sources)
	for name, engine := range mirrors {
		mirrored = append(mirrored, recount.Sources(lower.id, map[string]store.Engine{name[len(lower.id)+1:]: engine})...)
	}
	eventually(t, "figures of all that is mirrored", func() bool {
		waiting, err := recount.Waiting(t.Context(), kept, mirrored)
		return err == nil && waiting == 0
	})
	if err := recount.Check(t.Context(), kept, mirrored); err != nil {
		t.Errorf("the mirrors tell other figures: %v", err)
	}
	own := maps.Clone(lower.engines)
	delete(own, "federation")
	if err := recount.CheckFigures(t.Context(), kept, append(sources, recount.Sources(lower.id, own)...)); err != nil {
		t.Errorf("what is below tells other figures: %v", err)
	}
}

// lies enters a unit of the node's own tree, or moves it.
func (n *node) lies(unit, parent string) {
	n.put("organization", "organization.unit.updated.v1", unit, &organizationv1.Unit{Name: unit, Parent: parent})
}

// schools are beneath the lower node's root, or one beneath the other.
var schools = []string{"units/510100-1", "units/510100-2", "units/510100-3"}

// found is a problem of the node or a school of it in any state, as of today.
func (n *node) found(name string) *rectificationv1.Problem {
	p, now := problem(name, name), n.now()
	p.Unit = append(schools, "units/510100")[rand.IntN(4)]
	p.State, p.CreateTime = rectificationv1.Problem_State(1+rand.IntN(9)), timestamppb.New(now)
	p.Source, p.Accepted = rectificationv1.Problem_Source(1+rand.IntN(8)), rand.IntN(3) > 0
	p.Deadline = now.AddDate(0, 0, rand.IntN(60)-30).Format("2006-01-02")
	p.Returns, p.Reopens = int32(rand.IntN(3)), int32(rand.IntN(3))
	if p.State == rectificationv1.Problem_STATE_CLOSED {
		p.CloseTime = p.CreateTime
	}
	return p
}
