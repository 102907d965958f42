package dated_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/dated"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

var (
	shown = time.Date(2026, 3, 10, 4, 0, 0, 0, time.UTC) // noon there
	now   = shown.Add(time.Minute)
	day   = time.Date(2026, 3, 9, 16, 0, 0, 0, time.UTC) // as the day began
	march = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
)

func at(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

// TestWhatRecordsSayIsHeldAgainstBrackets: a moment that a service sets, on a day that was over
// when a head was shown without it, is dated back, unless the record had it before.
func TestWhatRecordsSayIsHeldAgainstBrackets(t *testing.T) {
	type problem = rectificationv1.Problem
	wishes := func(all ...time.Time) *problem {
		p := &problem{CreateTime: at(day)}
		for _, asked := range all {
			p.Extensions = append(p.Extensions, &rectificationv1.Extension{AskTime: at(asked)})
		}
		return p
	}
	visit := &rectificationv1.Inspection{Visits: []*rectificationv1.Visit{{Time: at(march)}}}
	for _, c := range []struct {
		what     string
		before   proto.Message // nil: it is new
		now      proto.Message
		recorded time.Time // zero: none is dated back
	}{
		{"of now", nil, &problem{CreateTime: at(now)}, time.Time{}},
		{"without fine time", nil, &problem{CreateTime: at(day)}, time.Time{}},
		{"found in March", nil, &problem{CreateTime: at(march)}, march},
		{"of the evening before", nil, &problem{CreateTime: at(day.Add(-time.Nanosecond))}, day.Add(-time.Nanosecond)},
		{"carried on", &problem{CreateTime: at(march)}, &problem{CreateTime: at(march), UpdateTime: at(now)}, time.Time{}},
		{"created another day", &problem{CreateTime: at(march)}, &problem{CreateTime: at(march.Add(time.Second))}, march.Add(time.Second)},
		{"closed as it was created", &problem{CreateTime: at(march)}, &problem{CreateTime: at(march), CloseTime: at(march)}, march},
		{"the earliest of two", nil, &problem{CreateTime: at(march), CloseTime: at(march.Add(time.Hour))}, march},
		{"asked for in March", wishes(), wishes(march), march},
		{"one wish fewer", wishes(march, day, march.Add(1)), wishes(march.Add(1)), time.Time{}},
		{"a visit in March", nil, visit, march},
		{"a visit again", visit, visit, time.Time{}},
		{"figures of March", nil, &evaluationv1.Result{Measures: []*evaluationv1.Measure{{AsOf: at(march)}}, CreateTime: at(now)}, time.Time{}},
		{"tallied in March", nil, &evaluationv1.Result{CreateTime: at(march)}, march},
		{"a key that has run out", nil, &organizationv1.ApiKey{ExpireTime: at(march)}, time.Time{}},
		{"gone", &problem{CreateTime: at(march)}, nil, time.Time{}},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := feedtest.Open(t)
			if c.before != nil {
				f.Update(t, func(tx store.Tx) error { return f.Write(tx, c.before.ProtoReflect().Type(), "a/1", c.before) })
			}
			holds(t, f, false, c.recorded, entry(t, 1, c.now))
			holds(t, f, true, time.Time{}, entry(t, 1, c.now)) // time is made up there
		})
	}
}

// TestWhatTheRunHadIsCarriedOn: what a record has is known from the entry before it in the run,
// and not from an older one.
func TestWhatTheRunHadIsCarriedOn(t *testing.T) {
	f := feedtest.Open(t)
	first := &rectificationv1.Problem{CreateTime: at(march)}
	without := &rectificationv1.Problem{CreateTime: at(day)}
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, first.ProtoReflect().Type(), "a/1", first) })
	f.Update(t, func(tx store.Tx) error {
		row := &federationv1.Mirror{}
		run := []*feedv1.Entry{entry(t, 1, first), entry(t, 2, without), entry(t, 3, first), entry(t, 4, first)}
		if err := (dated.Mirror{Tx: tx, Log: f.Log}).Count(row, run, shown); err != nil {
			return err
		}
		if len(row.GetBackdatedSeqs()) != 1 || row.GetBackdatedSeqs()[0] != 3 {
			t.Errorf("%v are dated back, want the entry 3", row.GetBackdatedSeqs())
		}
		return nil
	})
}

// TestWhatNothingIsKnownOfIsNotHeld: what comes with the first push, records of a kind that is
// not known, and what cannot be read.
func TestWhatNothingIsKnownOfIsNotHeld(t *testing.T) {
	f := feedtest.Open(t)
	old := entry(t, 0, &rectificationv1.Problem{CreateTime: at(march)})
	unknown, broken := proto.CloneOf(old), proto.CloneOf(old)
	unknown.Body.TypeUrl = "type.googleapis.com/duban.none.v1.None"
	broken.Body.Value = append(broken.Body.Value, 0x0a, 0x7f)
	f.Update(t, func(tx store.Tx) error {
		m, row := dated.Mirror{Tx: tx, Log: f.Log}, &federationv1.Mirror{}
		if err := m.Count(row, []*feedv1.Entry{old}, time.Time{}); err != nil {
			return err
		}
		if err := m.Count(row, []*feedv1.Entry{unknown, broken}, shown); err != nil {
			return err
		}
		if row.GetBackdatedCount() != 0 {
			t.Errorf("%v are dated back", row.GetBackdatedSeqs())
		}
		return nil
	})
}

// holds counts one entry, and reads again what it claims.
func holds(t *testing.T, f *feedtest.Fixture, simulated bool, want time.Time, e *feedv1.Entry) {
	t.Helper()
	f.Update(t, func(tx store.Tx) error {
		m, row := dated.Mirror{Tx: tx, Log: f.Log, Simulated: simulated}, &federationv1.Mirror{}
		if err := tx.Delete(dated.Bucket, store.Number(e.GetSeq())); err != nil {
			return err
		}
		if err := m.Count(row, []*feedv1.Entry{e}, shown); err != nil {
			return err
		}
		if flagged := row.GetBackdatedCount() == 1; flagged == want.IsZero() {
			t.Errorf("dated back: %t, want %t", flagged, !want.IsZero())
		}
		claimed, err := m.Claimed(e)
		if !claimed.Recorded.Equal(want) {
			t.Errorf("its record claims %v, want %v", claimed.Recorded, want)
		}
		if b := federation.NewBracket(shown, now, claimed); b.GetBackdated() == want.IsZero() || (b.GetRecordTime() == nil) != want.IsZero() {
			t.Errorf("the bracket is %v", b)
		}
		return err
	})
}

// entry is one of now about the subject a/1.
func entry(t testing.TB, seq uint64, body proto.Message) *feedv1.Entry {
	t.Helper()
	e := &feedv1.Entry{Seq: seq, At: at(now), Effective: at(now), Subject: "a/1"}
	if body != nil {
		var err error
		if e.Body, err = anypb.New(body); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// BenchmarkCount counts entries of which nothing is dated back, with a record as large as
// a problem that was worked on.
func BenchmarkCount(b *testing.B) {
	f := feedtest.Open(b)
	p := &rectificationv1.Problem{
		Name: "a/1", Description: "墙皮脱落", CreateTime: at(now), UpdateTime: at(now), SubmitTime: at(now), CloseTime: at(now),
		Extensions: []*rectificationv1.Extension{{AskTime: at(now), DecideTime: at(now), Reason: "材料未到"}},
	}
	run := []*feedv1.Entry{entry(b, 0, p)}
	f.Update(b, func(tx store.Tx) error {
		for b.Loop() {
			if err := (dated.Mirror{Tx: tx, Log: f.Log}).Count(&federationv1.Mirror{}, run, shown); err != nil {
				return err
			}
		}
		return nil
	})
}
