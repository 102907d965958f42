package server

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// vote casts n ballots straight into the box of a round.
func vote(t *testing.T, f *feedtest.Fixture, round string, n int) {
	t.Helper()
	err := f.Engine.Update(t.Context(), func(tx store.Tx) error {
		b := box{tx, round}
		issued, err := b.issue(0, n)
		for _, code := range issued {
			plain, _ := evaluation.ParseCode(code)
			_, failed := b.cast(paper{code: plain}, 0, []uint32{1})
			err = errors.Join(err, failed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// appended returns the batches in the feed.
func appended(t *testing.T, f *feedtest.Fixture) (entries []*feedv1.Entry, batches []*evaluationv1.BallotBatch) {
	t.Helper()
	err := f.Engine.View(t.Context(), func(tx store.Tx) error {
		for row, err := range tx.Scan(feed.EntriesBucket, nil, nil) {
			e, b := &feedv1.Entry{}, &evaluationv1.BallotBatch{}
			if err = errors.Join(err, proto.Unmarshal(row.Value, e)); err != nil {
				return err
			}
			if err := e.GetBody().UnmarshalTo(b); err != nil {
				return err
			}
			entries, batches = append(entries, e), append(batches, b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries, batches
}

func TestBallotsAreAppendedInCrowdsByTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feedtest.Open(t)
		now := time.Date(2026, 3, 2, 20, 17, 3, 0, time.UTC) // 3 March in Beijing
		s := &Service{book: &change.Book{Store: f.Engine, Log: f.Log, Now: func() time.Time { return now }}, every: time.Hour}
		if err := f.Engine.Update(t.Context(), func(tx store.Tx) error { return openBox(tx, "rounds/r") }); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Work(ctx) }()

		wait := func(d time.Duration, want int) {
			t.Helper()
			timer := time.NewTimer(d)
			<-timer.C
			synctest.Wait()
			if _, batches := appended(t, f); len(batches) != want {
				t.Fatalf("%d batches in the feed, want %d", len(batches), want)
			}
		}
		vote(t, f, "rounds/r", Crowd-1)
		wait(2*time.Hour, 0)
		vote(t, f, "rounds/r", 1)
		wait(time.Minute, 0) // not because of the cast
		f.Log.Hold("a test")
		wait(time.Hour, 0) // the ballots wait
		f.Log.Release()
		wait(time.Hour, 1)
		wait(time.Hour, 1) // once
		vote(t, f, "rounds/r", Crowd+3)
		wait(time.Hour, 2)
		entries, batches := appended(t, f)
		for i, want := range []int{Crowd, Crowd + 3} {
			b := batches[i]
			if int(b.GetCount()) != want || len(b.GetCommitments()) != want || !slices.IsSortedFunc(b.GetCommitments(), bytes.Compare) {
				t.Errorf("batch %d has %d receipts, want %d in order", i, len(b.GetCommitments()), want)
			}
			if e := entries[i]; e.GetActor() != nil || !e.GetEffective().AsTime().Equal(calendar.On(now).Start()) || e.GetKind() != batchEvent {
				t.Errorf("entry %d: by %v, at %v", i, e.GetActor(), e.GetEffective().AsTime())
			}
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Work = %v", err)
		}
	})
}
