package page_test

import (
	"errors"
	"iter"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/duban-project/duban/services/internal/page"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

func TestSize(t *testing.T) {
	for asked, want := range map[int32]int{-1: 50, 0: 50, 1: 1, 50: 50, 1_000: 1_000, 1_001: 1_000, 1<<31 - 1: 1_000} {
		if got := page.Size(asked); got != want {
			t.Errorf("Size(%d) = %d, want %d", asked, got, want)
		}
	}
}

// records yields those with first <= seq < end and counts what was taken.
func records(first, end uint64, taken *int) iter.Seq2[*feedv1.Record, error] {
	return func(yield func(*feedv1.Record, error) bool) {
		for seq := first; seq < end; seq++ {
			*taken++
			if !yield(&feedv1.Record{Seq: seq}, nil) {
				return
			}
		}
	}
}

func key(r *feedv1.Record) string { return strconv.FormatUint(r.GetSeq(), 10) }

func all(r *feedv1.Record) (*feedv1.Record, bool, error) { return r, true, nil }

func even(r *feedv1.Record) (*feedv1.Record, bool, error) { return r, r.GetSeq()%2 == 0, nil }

func TestCollect(t *testing.T) {
	none := func(r *feedv1.Record) (*feedv1.Record, bool, error) { return r, false, nil }
	for name, c := range map[string]struct {
		end        uint64
		size, scan int
		keep       func(*feedv1.Record) (*feedv1.Record, bool, error)
		items      int
		cursor     string
		taken      int
	}{
		"no records":                 {0, 3, 0, all, 0, "", 0},
		"fewer than a page":          {2, 3, 0, all, 2, "", 2},
		"exactly a page":             {3, 3, 0, all, 3, "", 3},
		"one more than a page":       {4, 3, 0, all, 3, "2", 4},
		"stops at the page":          {1_000, 3, 0, all, 3, "2", 4},
		"kept ones only":             {1_000, 3, 0, even, 3, "5", 7},
		"one more, not kept":         {6, 3, 0, even, 3, "", 6},
		"one more, behind others":    {6, 3, 5, even, 3, "4", 6},
		"none kept":                  {20, 3, 0, none, 0, "", 20},
		"scan used up":               {20, 3, 10, none, 0, "9", 11},
		"scan used up, some kept":    {20, 30, 10, even, 5, "9", 11},
		"scan used up with the list": {10, 30, 10, all, 10, "", 10},
		"scan bounded by default":    {20_000, 3, 0, none, 0, "9999", 10_001},
	} {
		t.Run(name, func(t *testing.T) {
			taken := 0
			items, cursor, err := page.Collect(records(0, c.end, &taken), page.Most{Items: c.size, Scan: c.scan}, c.keep, key)
			if len(items) != c.items || cursor != c.cursor || err != nil || taken != c.taken {
				t.Errorf("%d items, cursor %q, %v, %d taken; want %d, %q, nil, %d",
					len(items), cursor, err, taken, c.items, c.cursor, c.taken)
			}
		})
	}
}

func TestCollectHandsOnErrors(t *testing.T) {
	boom := errors.New("boom")
	seq := func(yield func(*feedv1.Record, error) bool) {
		_ = yield(&feedv1.Record{}, nil) && yield(nil, boom)
	}
	broken := func(r *feedv1.Record) (*feedv1.Record, bool, error) { return r, r.GetSeq() == 0, boom }
	for name, c := range map[string]struct {
		seq  iter.Seq2[*feedv1.Record, error]
		keep func(*feedv1.Record) (*feedv1.Record, bool, error)
	}{"of the sequence": {seq, all}, "of keep": {records(0, 3, new(int)), broken}} {
		items, cursor, err := page.Collect(c.seq, page.Most{Items: 1}, c.keep, key)
		if items != nil || cursor != "" || !errors.Is(err, boom) {
			t.Errorf("%s: got %v, %q, %v", name, items, cursor, err)
		}
	}
}

// Whatever the bounds: pages put together are the list, once each
// and in order, and none but the last may end without a cursor.
func TestPagesAreTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end := rapid.Uint64Range(0, 60).Draw(t, "end")
		size, scan := rapid.IntRange(1, 12).Draw(t, "size"), rapid.IntRange(1, 12).Draw(t, "scan")
		kept := rapid.SliceOfN(rapid.Bool(), 60, 60).Draw(t, "kept")
		weight := rapid.SliceOfN(rapid.IntRange(0, 60), 60, 60).Draw(t, "bytes")
		most := page.Most{Items: size, Scan: scan, Bytes: rapid.IntRange(1, 200).Draw(t, "most bytes")}
		show := func(r *feedv1.Record) (*feedv1.Record, bool, error) {
			return &feedv1.Record{Seq: r.GetSeq(), Entry: make([]byte, weight[r.GetSeq()])}, kept[r.GetSeq()], nil
		}
		var got, want []uint64
		for seq := range end {
			if kept[seq] {
				want = append(want, seq)
			}
		}
		for next, turn := uint64(0), uint64(0); ; turn++ {
			if turn > end {
				t.Fatal("more pages than records")
			}
			taken := 0
			items, cursor, err := page.Collect(records(next, end, &taken), most, show, key)
			bytes := proto.Size(&feedv1.ListRecordsResponse{Records: items})
			if err != nil || len(items) > size || taken > scan+1 || len(items) > 1 && bytes > most.Bytes {
				t.Fatalf("%d items of %d bytes, %d taken, %v", len(items), bytes, taken, err)
			}
			for _, r := range items {
				got = append(got, r.GetSeq())
			}
			if cursor == "" {
				break
			}
			last, _ := strconv.ParseUint(cursor, 10, 64)
			if next = last + 1; next >= end {
				t.Fatalf("cursor %q promises more than %d records", cursor, end)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
