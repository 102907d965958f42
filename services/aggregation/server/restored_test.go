package server_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/aggregation/regain"
	"github.com/duban-project/duban/services/aggregation/reports"
	aggregationserver "github.com/duban-project/duban/services/aggregation/server"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// copied is all that a store has, by bucket.
type copied map[string][]store.Entry

func copyOf(t *testing.T, e store.Engine) copied {
	t.Helper()
	all := copied{}
	if err := e.View(t.Context(), func(tx store.Tx) error {
		names, err := tx.Buckets()
		for _, name := range names {
			for row, err := range tx.Scan(name, nil, nil) {
				if err != nil {
					return err
				}
				all[name] = append(all[name], store.Entry{Key: slices.Clone(row.Key), Value: slices.Clone(row.Value)})
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// opened is a store of it at a path.
func (c copied) opened(t *testing.T, path string) store.Engine {
	t.Helper()
	e := suitetest.OK[store.Engine](t)(bolt.Open(path, bolt.Options{}))
	if err := e.Update(t.Context(), func(tx store.Tx) error {
		for name, rows := range c {
			for _, row := range rows {
				if err := tx.Put(name, row.Key, row.Value); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return e
}

// entries are those of a feed from one on.
func entriesOf(t *testing.T, e store.Engine, from uint64) (run []*feedv1.Entry) {
	t.Helper()
	if err := e.View(t.Context(), func(tx store.Tx) error {
		for row, err := range tx.Scan("feed.entries", binary.BigEndian.AppendUint64(nil, from), nil) {
			entry := &feedv1.Entry{}
			if err := errors.Join(err, proto.Unmarshal(row.Value, entry)); err != nil {
				return err
			}
			run = append(run, entry)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return run
}

// takesBack gives the copy the entries that whole has more, in steps, as a lost tail comes
// back, and then counts what the feeds say.
func (c copied) takesBack(t *testing.T, path string, stores map[string]store.Engine) store.Engine {
	t.Helper()
	e := c.opened(t, path)
	for run := range slices.Chunk(entriesOf(t, stores["aggregation"], uint64(len(c["feed.entries"]))), 3) {
		if err := e.Update(t.Context(), func(tx store.Tx) error {
			for _, entry := range run {
				row := store.Row{Table: string(entry.GetBody().MessageName()), Key: entry.GetSubject(), Value: entry.GetBody().GetValue()}
				b, err := proto.Marshal(entry)
				if err := errors.Join(err, regain.Again{}.Entry(tx, entry.GetEffective().AsTime(), row), store.Overwrite(tx, aggregationserver.Schema, row),
					tx.Put("feed.entries", binary.BigEndian.AppendUint64(nil, entry.GetSeq()), b)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, feed := range services {
		from := stores[feed]
		if feed == "aggregation" {
			from = e
		}
		if err := e.Update(t.Context(), func(tx store.Tx) error {
			run := entriesOf(t, from, 0)
			if len(run) == 0 {
				return nil
			}
			return count.Source{Feed: feed}.Count(tx, run)
		}); err != nil {
			t.Fatal(feed, err)
		}
	}
	return e
}

// Wherever a log lost its tail, once that is back the figures are what they were: what
// counts, what awaits a superior, what that would take off, and what waits in quarantine.
func TestFiguresComeBackWithTheTail(t *testing.T) {
	s := newScene(t)
	var was []copied
	step := func(names ...string) {
		s.work(func(list []string) bool { return len(list) == 0 })
		s.settled()
		was = append(was, copyOf(t, s.Stores()["aggregation"]))
	}
	correct := func(sequence int64, before string, rows ...*aggregationv1.Report_Row) string {
		r := s.report(sequence, rows...)
		r.Supersedes = before
		return s.sent(r).GetName()
	}
	step()
	s.SetTime(suitetest.Start.Add(time.Hour))
	first := s.sent(s.report(1, row(s.school, "found", 8), row(s.other, "found", 5), row(s.school, "rectifying", 4), row(s.school, "found", 9))).GetName()
	step()
	s.SetTime(suitetest.Start.Add(30 * time.Hour))
	s.accepted(first)
	step()
	second := correct(2, first, row(s.school, "found", 6), row(s.school, "rectifying", 7))
	step()
	third := correct(3, second, row(s.other, "found", 1))
	step()
	s.back(third)
	step()
	s.SetTime(suitetest.Start.Add(60 * time.Hour))
	s.accepted(correct(4, third, row(s.other, "found", 2), row("units/late", "found", 100)))
	step()
	s.Unit("late", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.counts(reports.Name(s.report(4)), 2)
	step()
	s.published("x", s.Root)
	s.accepted(s.finished(s.uploaded(s.report(5), lines(900, s.school, s.other, "units/none")).GetName()).GetName())
	s.finished(reports.Name(s.report(5)))
	step()
	s.finished(s.uploaded(s.report(6), lines(900, s.school, "units/late")).GetName())
	s.sent(s.report(7, row(s.school, "overdue", 3)))
	correct(8, reports.Name(s.report(4)), row(s.other, "found", 3))
	step()
	stores := s.Stores()
	expectedRows(t, was[len(was)-1], stores)
	want, path := was[len(was)-1], filepath.Join(t.TempDir(), "aggregation.db")
	for i, old := range was {
		stores["aggregation"] = old.takesBack(t, path, s.Stores())
		if err := upkeep.RecountStores(t.Context(), stores); err != nil {
			t.Errorf("from step %d: %v", i, err)
		}
		got := copyOf(t, stores["aggregation"])
		for _, bucket := range []string{"figures", "figures.reported", "figures.proposed", "figures.holders", "reports.waiting"} {
			if !slices.EqualFunc(got[bucket], want[bucket], func(a, b store.Entry) bool {
				return string(a.Key) == string(b.Key) && string(a.Value) == string(b.Value)
			}) {
				t.Errorf("from step %d: %s differs: %d rows, want %d", i, bucket, len(got[bucket]), len(want[bucket]))
			}
		}
		if err := errors.Join(stores["aggregation"].Close(), os.Remove(path)); err != nil {
			t.Error(err)
		}
	}
}

// expectedRows tries the store without each row of what is remembered of proposals.
func expectedRows(t *testing.T, all copied, stores map[string]store.Engine) {
	t.Helper()
	whole := stores["aggregation"]
	if len(all["figures.expected"]) == 0 {
		t.Error("nothing is remembered of what was proposed")
	}
	for i, row := range all["figures.expected"] {
		stores["aggregation"] = &tampered{whole, "figures.expected", slices.Delete(slices.Clone(all["figures.expected"]), i, i+1)}
		if err := upkeep.RecountStores(t.Context(), stores); !errors.Is(err, recount.ErrDifferent) {
			t.Errorf("without %q = %x: %v", row.Key, row.Value, err)
		}
	}
	stores["aggregation"] = whole
}

// stuck is a store that takes no page of a report from one on, as if the disk were full.
type stuck struct {
	store.Engine
	from    *atomic.Int32
	refused *atomic.Int32
}

func (s stuck) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.Engine.Update(ctx, func(tx store.Tx) error { return fn(stuckTx{tx, s}) })
}

type stuckTx struct {
	store.Tx
	of stuck
}

func (tx stuckTx) Put(bucket string, key, value []byte) error {
	if bucket == "duban.aggregation.v1.ReportPage" {
		n, err := strconv.Atoi(string(key[len(key)-6:]))
		if err != nil || int32(n) >= tx.of.from.Load() {
			tx.of.refused.Add(1)
			return errors.Join(err, store.ErrFull)
		}
	}
	return tx.Tx.Put(bucket, key, value)
}

// TestAnOldStoreGetsItsFiguresBack: a store of before is put in place of the one that a
// process left, in whatever state a long report was. Nothing is counted or taken before the
// tail is back; then figures are as they were, and the report goes on if its rows are there,
// and goes back to its sender otherwise.
func TestAnOldStoreGetsItsFiguresBack(t *testing.T) {
	for name, c := range map[string]struct {
		sent, judged bool  // before the copy
		from         int32 // the page to which it was judged then
		want         aggregationv1.Report_State
		counted      int32
	}{
		"judged in part, not there before": {want: aggregationv1.Report_STATE_RETURNED},
		"judged in part, sent before":      {sent: true, want: aggregationv1.Report_STATE_SUBMITTED},
		"judged further":                   {sent: true, from: later, want: aggregationv1.Report_STATE_SUBMITTED},
		"entered in part":                  {sent: true, judged: true, want: aggregationv1.Report_STATE_ACCEPTED, counted: 2 * many},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStuck(t)
			s.published("x", s.Root)
			short := s.accepted(s.sent(s.report(1, row(s.school, "found", 1), row(s.other, "overdue", 2))).GetName())
			long := s.report(2)
			long.Period = "2025-12"
			send := func() { s.uploaded(long, lines(many, s.school, s.other)) }
			if c.sent {
				s.halt(c.from, send)
			}
			if c.judged {
				s.from.Store(always)
				s.finished(reports.Name(long))
			}
			old, start := suitetest.OK[[]byte](t)(os.ReadFile(s.Store("aggregation"))), s.Tail("aggregation", 0).GetSize()
			switch {
			case c.judged:
				s.halt(later, func() { s.accepted(reports.Name(long)) })
			case c.sent:
				s.halt(later+c.from/2, func() {})
			default:
				s.halt(later, send)
			}
			better := s.report(3, row(s.school, "found", 20), row(s.school, "rectifying", 4))
			better.Supersedes = short.GetName()
			s.accepted(s.sent(better).GetName())
			judged := len(s.pages(long))
			if judged == 0 {
				t.Error("no page of the long report is judged")
			}
			s.from.Store(always)
			on := s.putBack(old, s.Tail("aggregation", start))
			r := on.finished(reports.Name(long))
			if r.GetState() != c.want || r.GetTotals().GetCounted() != c.counted || len(on.pages(long)) != int(r.GetPages()) {
				t.Errorf("the long report is %v, with %d pages of %d", r, len(on.pages(long)), r.GetPages())
			}
			if c.want == aggregationv1.Report_STATE_RETURNED && (r.GetFailure() != reports.ErrRowsFailed.Reason || int(r.GetPages()) != judged) {
				t.Errorf("it is returned with %d pages, for %s; %d were judged", r.GetPages(), r.GetFailure(), judged)
			}
			if rows := r.GetTotals().GetRows(); c.want != aggregationv1.Report_STATE_RETURNED && rows != 2*many || rows != int32(len(on.rows(r.GetName(), ""))) {
				t.Errorf("it has %d rows by its totals, and %d", rows, len(on.rows(r.GetName(), "")))
			}
			list := on.settled().GetFigures()
			wantFigure(t, list, "problems_found", 20+int64(c.counted))
			wantFigure(t, list, "problems_rectifying", 4)
			on.recounted()
		})
	}
}

const (
	many   = 3000    // lines
	always = 1 << 20 // pages: all
	later  = 6       // a page of a long report that is not its first
)

// stuckScene is one whose aggregation can be stopped at a page.
type stuckScene struct {
	*scene
	from, refused *atomic.Int32
}

func newStuck(t *testing.T) stuckScene {
	s := stuckScene{from: &atomic.Int32{}, refused: &atomic.Int32{}}
	s.from.Store(always)
	s.scene = newSceneOn(suitetest.RunOver(t, func(role string, e store.Engine) store.Engine {
		if role != "aggregation" {
			return e
		}
		return stuck{e, s.from, s.refused}
	}))
	return s
}

// halt does something, and returns when the work on it has come to a page.
func (s stuckScene) halt(at int32, do func()) {
	s.T.Helper()
	s.from.Store(at)
	before := s.refused.Load()
	do()
	ctx, cancel := context.WithTimeout(s.T.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.refused.Load() == before {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.T.Fatal("no page is refused")
		}
	}
	s.settled()
}

// pages are those of a report that are judged.
func (s *scene) pages(r *aggregationv1.Report) (names []string) {
	s.T.Helper()
	if err := s.Stores()["aggregation"].View(s.T.Context(), func(tx store.Tx) error {
		from, to := store.Prefix(reports.Name(r) + "/pages/")
		for e, err := range tx.Scan("duban.aggregation.v1.ReportPage", from, to) {
			if err != nil {
				return err
			}
			names = append(names, string(e.Key))
		}
		return nil
	}); err != nil {
		s.T.Fatal(err)
	}
	return names
}

// putBack starts the scene anew on an old store of aggregation, and gives that its tail.
func (s *scene) putBack(old []byte, tail *federationv1.RestoreLogRequest) *scene {
	s.T.Helper()
	next := *s
	next.Suite = s.Behind("aggregation", old)
	if _, err := next.send(next.report(9, row(s.school, "found", 3))); !errors.Is(err, change.ErrLogIncomplete) {
		s.T.Errorf("sending without the tail = %v, want %v", err, change.ErrLogIncomplete)
	}
	next.Regain(tail)
	return &next
}
