package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// bubble is when time begins in a synctest bubble.
var bubble = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// script answers each call by the next of its steps, and notes when and how it
// was called.
type script struct {
	feedv1.FeedServiceClient
	steps []func(context.Context, *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error)
	calls []*feedv1.ListRecordsRequest
	times []time.Duration
}

func (s *script) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest, _ ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	s.calls, s.times = append(s.calls, req), append(s.times, time.Since(bubble))
	if len(s.steps) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step(ctx, req)
}

var errDown = errors.New("down")

func down(context.Context, *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error) {
	return nil, errDown
}

// answer is a run of entries from start, that says it ends at next of size.
func answer(next, size uint64, seqs ...uint64) func(context.Context, *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error) {
	return func(context.Context, *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error) {
		res := &feedv1.ListRecordsResponse{NextStart: next, Size: size}
		for _, seq := range seqs {
			b, err := proto.Marshal(&feedv1.Entry{Seq: seq})
			if err != nil {
				return nil, err
			}
			res.Records = append(res.Records, &feedv1.Record{Seq: seq, Entry: b})
		}
		return res, nil
	}
}

// follow runs the script from entry 3 on until apply has been called n times.
func follow(t *testing.T, s *script, n int) (seqs, next []uint64) {
	t.Helper()
	enough := errors.New("enough")
	err := feed.Follow(t.Context(), s, feed.Reader{Feed: "test", From: feed.Place{Next: 3}, Apply: func(_ context.Context, run []*feedv1.Entry, to, _ uint64) error {
		for _, e := range run {
			seqs = append(seqs, e.GetSeq())
		}
		next = append(next, to)
		if n--; n == 0 {
			return enough
		}
		return nil
	}})
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want the error of apply", err)
	}
	return seqs, next
}

func TestFollowReadsOnAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.steps = append(s.steps, answer(5, 6, 3, 4), answer(6, 6, 5), answer(6, 6), answer(7, 7, 6))
		seqs, next := follow(t, s, 4)
		if !slices.Equal(seqs, []uint64{3, 4, 5, 6}) || !slices.Equal(next, []uint64{5, 6, 6, 7}) {
			t.Errorf("got %v, then %v", seqs, next)
		}
		for i, want := range []struct {
			start uint64
			wait  time.Duration
		}{{3, 0}, {5, 0}, {6, 10 * time.Second}, {6, 10 * time.Second}} {
			c := s.calls[i]
			if c.GetParent() != "feeds/test" || c.GetStart() != want.start || c.GetWait().AsDuration() != want.wait {
				t.Errorf("call %d: got %v, want %+v", i, c, want)
			}
		}
	})
}

func TestFollowBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		for range 8 {
			s.steps = append(s.steps, down)
		}
		s.steps = append(s.steps, answer(4, 4, 3), down, answer(5, 5, 4))
		follow(t, s, 2)
		const ms = time.Millisecond
		want := []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 3100 * ms, 6300 * ms, 11300 * ms, 16300 * ms, 16300 * ms, 16400 * ms}
		if !slices.Equal(s.times, want) {
			t.Errorf("called at %v, want %v", s.times, want)
		}
	})
}

func TestFollowNeverAppliesAGap(t *testing.T) {
	garbage := func(context.Context, *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error) {
		return &feedv1.ListRecordsResponse{Records: []*feedv1.Record{{Seq: 3, Entry: []byte{0xff}}}, NextStart: 4, Size: 4}, nil
	}
	for name, step := range map[string]func(context.Context, *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error){
		"a gap before":       answer(5, 9, 4),
		"a gap within":       answer(5, 9, 3, 5),
		"twice the same":     answer(5, 9, 3, 3),
		"a wrong end":        answer(6, 9, 3, 4),
		"a size too small":   answer(5, 4, 3, 4),
		"nothing of what is": answer(3, 9),
		"garbage":            garbage,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				s.steps = append(s.steps, step, answer(4, 4, 3))
				if seqs, _ := follow(t, s, 1); !slices.Equal(seqs, []uint64{3}) || len(s.calls) != 2 {
					t.Errorf("applied %v after %d calls", seqs, len(s.calls))
				}
			})
		})
	}
}

// TestFollowGivesUpOnASilentServer: a call that hangs ends, and is repeated.
func TestFollowGivesUpOnASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := feed.Follow(ctx, s, feed.Reader{Feed: "test"})
		if !errors.Is(err, context.DeadlineExceeded) || len(s.calls) != 3 {
			t.Errorf("got %v after %d calls", err, len(s.calls))
		}
	})
}

// TestOnlyACrowdIsGathered: who is alone is not waited for, nor is who is behind.
func TestOnlyACrowdIsGathered(t *testing.T) {
	for _, c := range []struct {
		entries int
		behind  uint64
		waits   bool
	}{{1, 0, false}, {15, 0, false}, {16, 0, true}, {1000, 1, false}} {
		synctest.Test(t, func(t *testing.T) {
			begun, next := time.Now(), uint64(c.entries)
			var told []uint64
			apply := feed.Gathered(func(_ context.Context, run []*feedv1.Entry, next, size uint64) error {
				if c.waits && len(run) > 0 != (time.Since(begun) > 0) {
					t.Errorf("%d entries after %v", len(run), time.Since(begun))
				}
				told = append(told, size-next)
				return nil
			})
			if err := apply(t.Context(), make([]*feedv1.Entry, c.entries), next, next+c.behind); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(begun) > 0; waited != c.waits {
				t.Errorf("after %d entries, %d behind: waited %v", c.entries, c.behind, time.Since(begun))
			}
			if c.waits && !slices.Equal(told, []uint64{next, 0}) {
				t.Errorf("how far behind it is was told as %v, while it waits and then", told)
			}
		})
	}
}

// TestWhatCostsMoreIsDoneLess: a crowd is let come together for twenty times as long as
// the run before took, from a fifth of a second to half a second.
func TestWhatCostsMoreIsDoneLess(t *testing.T) {
	for took, wait := range map[time.Duration]time.Duration{
		0: 200 * time.Millisecond, 10 * time.Millisecond: 200 * time.Millisecond, 20 * time.Millisecond: 400 * time.Millisecond, time.Minute: 500 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			apply := feed.Gathered(func(_ context.Context, run []*feedv1.Entry, _, _ uint64) error {
				if len(run) > 0 {
					time.Sleep(took) // of the bubble
				}
				return nil
			})
			for i, want := range []time.Duration{200*time.Millisecond + took, wait + took} {
				begun := time.Now()
				if err := apply(t.Context(), make([]*feedv1.Entry, 16), 16, 16); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(begun); got != want {
					t.Errorf("run %d of those that take %v was taken in after %v, want %v", i, took, got, want)
				}
			}
		})
	}
}

// TestAFullDiskIsWaitedOut: the same run comes again each second until it is taken,
// or until something goes wrong that does not pass.
func TestAFullDiskIsWaitedOut(t *testing.T) {
	passes, ends := errors.New("passes"), errors.New("ends")
	for name, c := range map[string]struct {
		errs []error
		want error
	}{
		"taken":          {[]error{nil}, nil},
		"full":           {[]error{store.ErrFull, fmt.Errorf("again: %w", store.ErrFull), nil}, nil},
		"held":           {[]error{fmt.Errorf("appending: %w", feed.ErrHeld), nil}, nil},
		"passes":         {[]error{fmt.Errorf("of the service: %w", passes), nil}, nil},
		"ends":           {[]error{store.ErrFull, ends}, ends},
		"ends with time": {slices.Repeat([]error{store.ErrFull}, 10), context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second+time.Millisecond)
				defer cancel()
				begun, tried := time.Now(), 0
				apply := feed.Patient("test", func(_ context.Context, run []*feedv1.Entry, next, size uint64) error {
					if len(run) != 2 || next != 7 || size != 9 || time.Since(begun) != time.Duration(tried)*time.Second {
						t.Errorf("try %d: %d entries, %d of %d, after %v", tried, len(run), next, size, time.Since(begun))
					}
					tried++
					return c.errs[tried-1]
				}, passes)
				if err := apply(ctx, make([]*feedv1.Entry, 2), 7, 9); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || tried != len(c.errs) {
					t.Errorf("ended with %v after %d tries, want %v after %d", err, tried, c.want, len(c.errs))
				}
			})
		})
	}
}
