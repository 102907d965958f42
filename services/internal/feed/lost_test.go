package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

// shelf is a feed whose store may be another from one moment to the next.
type shelf struct {
	feedv1.FeedServiceClient
	mu      sync.Mutex
	history string // what its entries are called by
	size    uint64
}

// is puts another store in its place.
func (s *shelf) is(history string, size uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history, s.size = history, size
}

func (s *shelf) id(seq uint64) []byte { return fmt.Appendf(nil, "%-8s%08d", s.history, seq) }

func (s *shelf) GetCheckpoint(context.Context, *feedv1.GetCheckpointRequest, ...grpc.CallOption) (*feedv1.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &feedv1.Checkpoint{Size: s.size}, nil
}

// ListRecords answers as the server does; who waits hears after the time that it gave.
func (s *shelf) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest, _ ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	if err := feed.Pause(ctx, req.GetWait().AsDuration()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.GetStart() > s.size {
		return nil, status.Error(codes.InvalidArgument, "The feed ends before this index.")
	}
	res := &feedv1.ListRecordsResponse{NextStart: min(req.GetStart()+uint64(req.GetPageSize()), s.size), Size: s.size}
	for seq := req.GetStart(); seq < res.GetNextStart(); seq++ {
		b, err := proto.Marshal(&feedv1.Entry{Seq: seq, Id: s.id(seq)})
		if err != nil {
			return nil, err
		}
		res.Records = append(res.Records, &feedv1.Record{Seq: seq, Entry: b})
	}
	return res, nil
}

// TestALostFeedIsNotReadOn: who has read seven entries takes nothing from a feed that has
// fewer, nor from another history once it is longer; with the one that was read, they go
// on where they were.
func TestALostFeedIsNotReadOn(t *testing.T) {
	for name, c := range map[string]struct {
		after string // the history and the sizes that it has, one after the other
		sizes []uint64
		id    bool
		lost  []uint64 // the sizes of which was told, each once
		read  []uint64 // the entries
	}{
		"whole":                    {"old", []uint64{7, 9}, true, nil, []uint64{7, 8}},
		"shorter, and grown again": {"new", []uint64{3, 7, 9}, true, []uint64{3, 7, 9}, nil},
		"shorter by one":           {"new", []uint64{6, 8}, true, []uint64{6, 8}, nil},
		"empty":                    {"new", []uint64{0, 8}, true, []uint64{0, 8}, nil},
		"another as long":          {"new", []uint64{7, 9}, true, []uint64{7, 9}, nil},
		"its tail comes back":      {"old", []uint64{3, 6, 7, 9}, true, []uint64{3, 6}, []uint64{7, 8}},
		"no id, whole":             {"old", []uint64{7, 9}, false, nil, []uint64{7, 8}},
		"no id, shorter":           {"old", []uint64{3, 9}, false, []uint64{3, 9}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				s := &shelf{history: c.after}
				var lost, read []uint64
				r := feed.Reader{Feed: "test", From: feed.Place{Next: 7}, Apply: func(_ context.Context, run []*feedv1.Entry, _, _ uint64) error {
					for _, e := range run {
						read = append(read, e.GetSeq())
					}
					return nil
				}, Lost: func(size uint64) { lost = append(lost, size) }}
				if c.id {
					r.From.ID = (&shelf{history: "old"}).id(6)
				}
				s.is(c.after, c.sizes[0])
				ended := make(chan error)
				go func() { ended <- feed.Follow(ctx, s, r) }()
				for _, size := range c.sizes {
					s.is(c.after, size)
					time.Sleep(time.Minute) // of the bubble
				}
				stop()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if lost = slices.Compact(lost); !slices.Equal(lost, c.lost) || !slices.Equal(read, c.read) {
					t.Errorf("was told of %v and read %v, want %v and %v", lost, read, c.lost, c.read)
				}
			})
		})
	}
}

// TestAFeedIsLostWhileItIsRead: the reader itself notes which entry was the last.
func TestAFeedIsLostWhileItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s, read := &shelf{history: "old", size: 5}, uint64(0)
		ended := make(chan error)
		go func() {
			ended <- feed.Follow(ctx, s, feed.Reader{Feed: "test", Apply: func(_ context.Context, run []*feedv1.Entry, _, _ uint64) error {
				read += uint64(len(run))
				return nil
			}})
		}()
		for _, is := range []struct {
			history string
			size    uint64
		}{{"old", 5}, {"new", 2}, {"new", 12}} {
			s.is(is.history, is.size)
			time.Sleep(time.Minute) // of the bubble
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) || read != 5 {
			t.Errorf("%d entries were read, want those 5 of the feed that was: %v", read, err)
		}
	})
}
