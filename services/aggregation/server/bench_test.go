package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

const (
	districts = 10
	schools   = 200
	run       = 1000 // entries, as a follower gets them
)

var benchStart = time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)

func entry(b *testing.B, seq int, at time.Time, subject string, body proto.Message) *feedv1.Entry {
	wrapped, err := anypb.New(body)
	if err != nil {
		b.Fatal(err)
	}
	return &feedv1.Entry{Seq: uint64(seq), At: timestamppb.New(at), Effective: timestamppb.New(at), Subject: subject, Body: wrapped}
}

// tree is a city of ten districts and two hundred schools.
func tree(b *testing.B) (entries []*feedv1.Entry) {
	add := func(name, parent string) {
		entries = append(entries, entry(b, len(entries), benchStart, name, &organizationv1.Unit{Name: name, Parent: parent}))
	}
	add("units/city", "")
	for d := range districts {
		add(fmt.Sprintf("units/d%02d", d), "units/city")
	}
	for s := range schools {
		add(school(s), fmt.Sprintf("units/d%02d", s%districts))
	}
	return entries
}

func school(n int) string { return fmt.Sprintf("units/school-%03d", n) }

// problems are n problems over a year, of which a third is planned and another
// begun.
func problems(b *testing.B, n int) (entries []*feedv1.Entry) {
	for i := range n {
		at := benchStart.Add(time.Duration(i) * 365 * 24 * time.Hour / time.Duration(n))
		p := &rectificationv1.Problem{
			Name: fmt.Sprintf("ledgers/l%03d/problems/%06d", i%schools, i), Unit: school(i % schools), Campaign: fmt.Sprintf("campaigns/c%d", i%3),
			Category: fmt.Sprintf("k%d", i%8), Source: rectificationv1.Problem_Source(1 + i%4), Accepted: i%3 > 0,
			CreateTime: timestamppb.New(at), Deadline: at.AddDate(0, 1, 0).Format(time.DateOnly),
		}
		for _, state := range []rectificationv1.Problem_State{1, 2, 3}[:1+i%3] {
			p.State = state
			entries = append(entries, entry(b, len(entries), at, p.GetName(), p))
		}
	}
	return entries
}

func filled(b *testing.B, n int) store.Engine {
	engine, err := bolt.Open(filepath.Join(b.TempDir(), "aggregation.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	})
	countAll(b, engine, "organization", tree(b))
	countAll(b, engine, "rectification", problems(b, n))
	return engine
}

func countAll(b *testing.B, engine store.Engine, service string, entries []*feedv1.Entry) {
	for part := range slices.Chunk(entries, run) {
		err := engine.Update(b.Context(), func(tx store.Tx) error { return count.Source{Feed: service}.Count(tx, part) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCount counts 10,000 entries of problems of 200 schools.
func BenchmarkCount(b *testing.B) {
	entries := problems(b, 10_000)[:10_000]
	for b.Loop() {
		b.StopTimer()
		engine := filled(b, 0)
		b.StartTimer()
		countAll(b, engine, "rectification", entries)
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkStatus reads what a status of the city reads, and a page of what
// awaits the units beneath it, with so many problems counted, idle and while a
// writer counts more: it costs the same. DUBAN_BENCH_PROBLEMS is how many the
// large store has.
func BenchmarkStatus(b *testing.B) {
	large := 100_000
	if n, err := strconv.Atoi(os.Getenv("DUBAN_BENCH_PROBLEMS")); err == nil {
		large = n
	}
	for _, n := range []int{10_000, large} {
		engine := filled(b, n)
		for name, read := range map[string]func(store.Tx) error{"status": status, "worklist": awaiting, "past": past} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) { p95(b, engine, read) })
		}
		b.Run(fmt.Sprint("status-while-writing/", n), func(b *testing.B) {
			stop := counting(b, engine)
			defer stop()
			p95(b, engine, status)
		})
	}
}

func p95(b *testing.B, engine store.Engine, read func(store.Tx) error) {
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if err := engine.View(b.Context(), read); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "p95-µs")
}

// counting counts entries of another feed until it is told to stop, 20 in a run.
func counting(b *testing.B, engine store.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	var cursor cursors.Cursor
	if err := engine.View(ctx, func(tx store.Tx) (err error) { cursor, err = cursors.Read(tx, "campaign"); return err }); err != nil {
		b.Fatal(err)
	}
	entries := problems(b, 20)
	go func() {
		for next := cursor.Next; ctx.Err() == nil; next += uint64(len(entries)) {
			for i, e := range entries {
				e.Seq = next + uint64(i)
			}
			if err := engine.Update(ctx, func(tx store.Tx) error { return count.Source{Feed: "campaign"}.Count(tx, entries) }); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
	}
}

// status reads the city and its districts, and what is owed.
func status(tx store.Tx) error { return statusOf(tx, nil) }

// past is status as was known a week ago.
func past(tx store.Tx) error {
	p, err := figures.NewPast(tx, benchStart.AddDate(0, 0, 350), figures.Query{Campaign: "campaigns/c1"})
	if err != nil {
		return err
	}
	return statusOf(tx, p)
}

func statusOf(tx store.Tx, p *figures.Past) error {
	q := figures.Query{Unit: "units/city", Campaign: "campaigns/c1", Start: "2026-02-10", End: "2026-11-20", Today: "2026-11-20", Beneath: true, AsOf: p}
	for d := range districts {
		if _, err := figures.Read(tx, q, aggregation.Sums(aggregation.Definitions...)); err != nil {
			return err
		}
		q.Unit = fmt.Sprintf("units/d%02d", d)
	}
	_, err := figures.ReadOwed(tx, q, 100)
	return err
}

// awaiting reads the first fifty things that await the units beneath the city.
func awaiting(tx store.Tx) error {
	n := 0
	for _, err := range worklist.Read(tx, "units/city", true, "") {
		if n++; n == 50 || err != nil {
			return err
		}
	}
	return nil
}
