package server_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/directory"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// treeless is aggregation's engine, which refuses commits of the tree by which
// figures are kept as long as it is told to.
type treeless struct {
	store.Engine
	refuses *atomic.Bool
}

func (e treeless) Update(ctx context.Context, fn func(store.Tx) error) error {
	return e.Engine.Update(ctx, func(tx store.Tx) error { return fn(refusing{tx, e.refuses}) })
}

type refusing struct {
	store.Tx
	refuses *atomic.Bool
}

func (tx refusing) Put(bucket string, key, value []byte) error {
	if bucket == "figures.tree" && tx.refuses.Load() {
		return store.ErrFull // which followers wait out
	}
	return tx.Tx.Put(bucket, key, value)
}

// asked is a feed that does something before it says how long it is.
type asked struct {
	feedv1.FeedServiceClient
	do func()
}

func (a asked) GetCheckpoint(ctx context.Context, req *feedv1.GetCheckpointRequest, o ...grpc.CallOption) (*feedv1.Checkpoint, error) {
	a.do()
	return a.FeedServiceClient.GetCheckpoint(ctx, req, o...)
}

// tree is the directory by which aggregation knows the tree as it is.
func (s *scene) tree() *directory.Directory {
	return s.Of("aggregation").Process.Tree.(*directory.Directory)
}

// The figures' own tree does not know a unit yet when a report about it is
// accepted: what asks for the newest tree then lets it come. The report is counted
// above its unit by the time that it is said to be accepted, and stays where the
// unit then stood.
func TestAReportIsCountedWhereItsUnitStoodThen(t *testing.T) {
	refuses := &atomic.Bool{}
	s := newSceneOn(suitetest.RunOver(t, func(role string, e store.Engine) store.Engine {
		if role != "aggregation" {
			return e
		}
		return treeless{e, refuses}
	}))
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.settled()
	refuses.Store(true)
	late := s.Unit("late", s.district, organizationv1.Unit_KIND_SCHOOL)
	r := s.sent(s.report(1, row(late, "found", 8)))
	s.tree().Turn(func(heard feedv1.FeedServiceClient) feedv1.FeedServiceClient {
		return asked{heard, func() { refuses.Store(false) }}
	})
	s.accepted(r.GetName())
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 8)
	refuses.Store(false) // if nobody asked
	s.SetTime(suitetest.Start.AddDate(0, 0, 1))
	if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: late, Parent: next}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 8)
	wantFigure(t, s.status(s.reviewer.Key, next, nil).GetFigures(), "problems_found", 0)
}

// deaf is aggregation's engine, which refuses some commits of what campaigns tell.
type deaf struct {
	store.Engine
	refuses *atomic.Int32
}

func (e deaf) Update(ctx context.Context, fn func(store.Tx) error) error {
	return e.Engine.Update(ctx, func(tx store.Tx) error { return fn(deafTx{tx, e.refuses}) })
}

type deafTx struct {
	store.Tx
	refuses *atomic.Int32
}

func (tx deafTx) Put(bucket string, key, value []byte) error {
	if bucket == "reports.campaigns" && tx.refuses.Add(-1) >= 0 {
		return store.ErrFull // which followers wait out
	}
	return tx.Tx.Put(bucket, key, value)
}

// A campaign was published a moment ago, and aggregation has not read so yet: rows about it
// wait for that, and for nobody to judge them again.
func TestARowIsHeldAgainstTheCampaignsThatThereAre(t *testing.T) {
	refuses := &atomic.Int32{}
	s := newSceneOn(suitetest.RunOver(t, func(role string, e store.Engine) store.Engine {
		if role != "aggregation" {
			return e
		}
		return deaf{e, refuses}
	}))
	refuses.Store(1)
	r := s.report(1, row(s.school, "found", 8))
	r.Rows[0].Campaign = s.publish("fresh", s.Root)
	if got := s.sent(r).GetRows()[0]; got.GetVerdict() != aggregationv1.Report_VERDICT_CREATED {
		t.Errorf("the row came to %v", got)
	}
}

// A report is sent of a unit that the figures' own tree does not know yet, after those above
// that unit have moved: what came before they did is not of who they lie under since.
func TestWhatIsSentOfANewUnitCountsWhereItStood(t *testing.T) {
	refuses := &atomic.Bool{}
	s := newSceneOn(suitetest.RunOver(t, func(role string, e store.Engine) store.Engine {
		if role != "aggregation" {
			return e
		}
		return treeless{e, refuses}
	}))
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: s.school, Parent: next}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	refuses.Store(true)
	late := s.Unit("late", s.school, organizationv1.Unit_KIND_SCHOOL)
	if row := s.sent(s.report(1, row(late, "found", 8))).GetRows()[0]; !row.GetProposed() {
		t.Fatalf("of a new unit is said %v", row)
	}
	refuses.Store(false)
	s.settled()
	for unit, want := range map[string]int64{late: 8, s.school: 8, s.district: 8, next: 0, s.Root: 8} {
		if got := figure(s.status(s.reviewer.Key, unit, askedFor).GetFigures(), "problems_found").GetValue(); got != want {
			t.Errorf("%s has %d found, want %d", unit, got, want)
		}
	}
	s.recounted()
}

// held is organization's feed, of which nothing is read from an entry on until it is
// let go.
type held struct {
	feedv1.FeedServiceClient
	from uint64
	free <-chan struct{}
}

func (h held) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest, o ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	if req.GetParent() == "feeds/organization" && req.GetStart() >= h.from {
		select {
		case <-h.free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h.FeedServiceClient.ListRecords(ctx, req, o...)
}

// By the tree as it is, figures are grouped by what the process knows of it, which
// may be behind the figures: then a status does not say that all is counted.
func TestAStatusIsNotCurrentBeforeItsTreeIs(t *testing.T) {
	s := newScene(t)
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.accepted(s.sent(s.report(1, row(s.school, "found", 8))).GetName())
	free := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(free) })
	t.Cleanup(letGo)
	s.CatchUp()
	from := s.tree().Position() + 1
	s.tree().Turn(func(heard feedv1.FeedServiceClient) feedv1.FeedServiceClient { return held{heard, from, free} })
	s.Unit("last", s.Root, organizationv1.Unit_KIND_DISTRICT) // the answer to a call that was made before
	s.CatchUp()
	if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: s.school, Parent: next}); err != nil {
		t.Fatal(err)
	}
	if f := s.told(t, from+1); f.GetCurrent() || f.GetCursor() == f.GetSize() {
		t.Errorf("units are listed by an older tree, and all is said to be counted: %v", f)
	}
	letGo()
	s.settled()
	now := &aggregationv1.Cut{TreeAsOf: aggregationv1.Tree_TREE_NOW}
	wantFigure(t, s.status(s.reviewer.Key, s.district, now).GetFigures(), "problems_found", 0)
	wantFigure(t, s.status(s.reviewer.Key, next, now).GetFigures(), "problems_found", 8)
}

// told returns how fresh a status is by organization's feed when its figures have
// heard of so many entries.
func (s *scene) told(t *testing.T, size uint64) *aggregationv1.Freshness {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		f := s.status(s.reviewer.Key, s.Root, nil).GetFreshness()[0]
		if f.GetSize() >= size {
			return f
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d entries are not heard of: %v", size, f)
		}
	}
}

// late is organization's feed as aggregation hears of it. Once it says how long it was, to
// whom calls or to who works, and lets something happen before it is answered: what comes
// from then on is read when it is let go.
type late struct {
	feedv1.FeedServiceClient
	called bool // by somebody
	asked  *atomic.Int32
	then   func()
	from   *atomic.Uint64
	free   chan struct{}
}

func (l late) GetCheckpoint(ctx context.Context, req *feedv1.GetCheckpointRequest, o ...grpc.CallOption) (*feedv1.Checkpoint, error) {
	cp, err := l.FeedServiceClient.GetCheckpoint(ctx, req, o...)
	_, called := grpc.Method(ctx)
	if err == nil && req.GetName() == "feeds/organization" && called == l.called && l.asked.Add(1) == 1 {
		l.from.Store(cp.GetSize())
		l.then()
	}
	return cp, err
}

func (l late) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest, o ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	list, err := l.FeedServiceClient.ListRecords(ctx, req, o...)
	switch from := l.from.Load(); {
	case req.GetParent() != "feeds/organization" || list.GetNextStart() <= from:
	case req.GetStart() < from:
		list.Records, list.NextStart = list.Records[:from-req.GetStart()], from
	default:
		select {
		case <-l.free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return list, err
}

// lag lets the directory hear late of what happens when it is brought up to date next.
func (s *scene) lag(called bool, happens func()) (asked *atomic.Int32, letGo func()) {
	l := late{called: called, asked: &atomic.Int32{}, then: happens, from: &atomic.Uint64{}, free: make(chan struct{})}
	l.asked.Store(1)
	l.from.Store(math.MaxUint64)
	letGo = sync.OnceFunc(func() { close(l.free) })
	s.T.Cleanup(letGo)
	s.tree().Turn(func(heard feedv1.FeedServiceClient) feedv1.FeedServiceClient {
		l.FeedServiceClient = heard
		return l
	})
	s.Unit("before", s.Root, organizationv1.Unit_KIND_DISTRICT) // the answer to a call that was made before
	s.CatchUp()
	s.settled()
	l.asked.Store(0)
	return l.asked, letGo
}

// A unit is counted before the tree knows it by which rows are judged: a row that names it
// waits no longer than that, though nothing comes of it any more.
func TestNoRowWaitsForAUnitThatHasCome(t *testing.T) {
	t.Run("as it is sent", func(t *testing.T) {
		s := newSceneOn(suitetest.Split(t))
		_, letGo := s.lag(true, func() {
			s.Unit("late", s.district, organizationv1.Unit_KIND_SCHOOL)
			cp, err := feedv1.NewFeedServiceClient(s.As(s.Auditor)).GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/organization"})
			if err != nil {
				t.Fatal(err)
			}
			s.told(t, cp.GetSize())
		})
		r := s.sent(s.report(1, row("units/late", "found", 8)))
		letGo()
		s.until(r.GetName(), func(t *aggregationv1.Report_Totals) bool { return t.GetQuarantined() == 0 })
	})
	t.Run("as it is judged again", func(t *testing.T) {
		s := newSceneOn(suitetest.Split(t))
		r := s.accepted(s.sent(s.report(1, row("units/late", "found", 8))).GetName())
		asked, letGo := s.lag(false, func() { s.Unit("late", s.district, organizationv1.Unit_KIND_SCHOOL) })
		s.Unit("stirs", s.Root, organizationv1.Unit_KIND_DISTRICT)
		wrong := func() bool { // judged by the tree of before
			now, err := s.Aggregation(s.reviewer.Key).GetReport(t.Context(), &aggregationv1.GetReportRequest{Name: r.GetName()})
			return err != nil || now.GetEtag() != r.GetEtag()
		}
		for tick := time.NewTicker(time.Millisecond); asked.Load() < 2 && !wrong(); {
			<-tick.C
		}
		letGo()
		s.counts(r.GetName(), 1)
	})
}
