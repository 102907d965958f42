package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// long is a log whose tail takes several transactions.
const long = 600

var (
	errKilled = errors.New("killed")
	units     = store.Schema{Indexes: map[string][]string{"duban.organization.v1.Unit": {"display_name"}}}
)

// dying is an engine whose process ends after so many transactions.
type dying struct {
	store.Engine
	left *int
}

func (d dying) Update(ctx context.Context, fn func(store.Tx) error) error {
	if *d.left--; *d.left < 0 {
		return errKilled
	}
	return d.Engine.Update(ctx, fn)
}

// runs yields so many entries at a time.
func runs(all []*feedv1.Record, size int) iter.Seq2[[]*feedv1.Record, error] {
	return func(yield func([]*feedv1.Record, error) bool) {
		for run := range slices.Chunk(all, size) {
			if !yield(run, nil) {
				return
			}
		}
	}
}

// differ says how two stores differ; equal ones are soon compared.
func differ(want, got map[string]string) string {
	if maps.Equal(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// contents is all that a store has.
func contents(t *testing.T, f *feedtest.Fixture) map[string]string {
	t.Helper()
	all := map[string]string{}
	f.View(t, func(tx store.Tx) error {
		names, err := tx.Buckets()
		for _, name := range names {
			for row, err := range tx.Scan(name, nil, nil) {
				if err != nil {
					return err
				}
				all[fmt.Sprintf("%s %x", name, row.Key)] = fmt.Sprintf("%x", row.Value)
			}
		}
		return err
	})
	return all
}

// TestATailSurvivesTheProcess: wherever it ends, the log has what it had once before
// when the process starts again, nothing else is left in the store, and the next try
// makes the log whole.
func TestATailSurvivesTheProcess(t *testing.T) {
	reference, tail := grown(t, long), tailOf(t, long)
	reindex(t, reference)
	want, ended := contents(t, reference), false
	for kill := 0; !ended; kill++ {
		if kill > 40 {
			t.Fatal("it does not end")
		}
		f := grown(t, old)
		reindex(t, f)
		left := kill
		_, err := recovery.Log{Log: f.Log, Engine: dying{f.Engine, &left}, Schema: units}.Restore(t.Context(), tail.GetSize(), tail.GetCover(), runs(tail.GetRecords(), 350))
		if ended = err == nil; !ended && !errors.Is(err, errKilled) {
			t.Fatalf("killed after %d: %v", kill, err)
		}
		if _, held := f.Log.Held(); held == ended {
			t.Errorf("killed after %d: held = %v", kill, held)
		}
		again(t, f, kill)
		size := sizeOf(t, f)
		if size < long {
			rest := tail.GetRecords()[size-old:]
			if _, err := (recovery.Log{Log: f.Log, Engine: f.Engine, Schema: units}).Restore(t.Context(), tail.GetSize(), tail.GetCover(), runs(rest, 350)); err != nil {
				t.Errorf("killed after %d: once more: %v", kill, err)
			}
		}
		if diff := differ(want, contents(t, f)); diff != "" {
			t.Errorf("killed after %d: %.600s", kill, diff)
		}
	}
}

// TestALogOfWhichMoreWasReadHereStaysHeld: what comes from above is taken, and nothing is
// written behind it that those who have read on would never follow.
func TestALogOfWhichMoreWasReadHereStaysHeld(t *testing.T) {
	for read, goesOn := range map[uint64]bool{long: true, long + 1: false} {
		f, tail := grown(t, old), tailOf(t, long)
		log := recovery.Log{Log: f.Log, Engine: f.Engine, Schema: units, Lacks: func(_ store.Tx, size uint64) (string, error) {
			if size < read {
				return "more was read here", nil
			}
			return "", nil
		}}
		_, err := log.Restore(t.Context(), tail.GetSize(), tail.GetCover(), runs(tail.GetRecords(), 350))
		if _, held := f.Log.Held(); (err == nil) != goesOn || held == goesOn || sizeOf(t, f) != long {
			t.Errorf("of %d read here: held %v, %v", read, held, err)
		}
	}
}

// again is what the next process does, and what must be so then.
func again(t *testing.T, f *feedtest.Fixture, kill int) {
	t.Helper()
	during := sizeOf(t, f)
	taken, err := recovery.Log{Log: f.Log, Engine: f.Engine, Schema: units}.Finish(t.Context())
	if err != nil {
		t.Fatalf("killed after %d: the next start: %v", kill, err)
	}
	size := sizeOf(t, f)
	if uint64(taken.Entries) != size-during || size != old && size != long {
		t.Errorf("killed after %d: the log has %d entries, before the start %d, and took %d", kill, size, during, taken.Entries)
	}
	f.View(t, func(tx store.Tx) error {
		for row := range tx.Scan(feed.LostBucket, nil, nil) {
			t.Errorf("killed after %d: %x is left", kill, row.Key)
		}
		return f.Log.Sound(tx)
	})
}

// TestWhatIsTakenOverInPartIsAStateOfBefore: of records, index rows, entries and
// what is signed.
func TestWhatIsTakenOverInPartIsAStateOfBefore(t *testing.T) {
	tail, parts := tailOf(t, long), 0
	for kill := range 8 {
		f := grown(t, old)
		reindex(t, f)
		left := kill
		_, err := recovery.Log{Log: f.Log, Engine: dying{f.Engine, &left}, Schema: units}.Restore(t.Context(), tail.GetSize(), tail.GetCover(), runs(tail.GetRecords(), 350))
		size := int(sizeOf(t, f))
		if size != old && size != long {
			parts++
		}
		was := grown(t, size)
		reindex(t, was)
		got := contents(t, f)
		for key := range got {
			if key == fmt.Sprintf("%s %x", feed.MetaBucket, feed.LostKey) || len(key) > 9 && key[:9] == feed.LostBucket {
				delete(got, key)
			}
		}
		if diff := differ(contents(t, was), got); diff != "" {
			t.Errorf("killed after %d (%v), with %d entries: %.600s", kill, err, size, diff)
		}
	}
	if parts == 0 {
		t.Error("it was never killed between two steps")
	}
}

// TestARunThatBreaksOffLeavesNothing: neither in the log nor beside it.
func TestARunThatBreaksOffLeavesNothing(t *testing.T) {
	f, tail, broken := grown(t, old), tailOf(t, long), errors.New("the line broke")
	before := contents(t, f)
	_, err := recovery.Log{Log: f.Log, Engine: f.Engine}.Restore(t.Context(), tail.GetSize(), tail.GetCover(), func(yield func([]*feedv1.Record, error) bool) {
		if yield(tail.GetRecords()[:300], nil) {
			yield(nil, broken)
		}
	})
	if !errors.Is(err, broken) {
		t.Errorf("Restore = %v", err)
	}
	if diff := differ(before, contents(t, f)); diff != "" {
		t.Errorf("it left: %.600s", diff)
	}
}

// reindex makes the index rows of what a fixture has written without.
func reindex(t *testing.T, f *feedtest.Fixture) {
	f.Update(t, func(tx store.Tx) error {
		_, err := store.Reindex(tx, units)
		return err
	})
}

func sizeOf(t *testing.T, f *feedtest.Fixture) (size uint64) {
	t.Helper()
	f.View(t, func(tx store.Tx) (err error) {
		size, err = f.Log.Size(tx)
		return err
	})
	return size
}
