package archived_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/archived"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/storetest"
)

// units is a feed of one entry: units/a was archived.
type units struct {
	feedv1.FeedServiceClient
	entry []byte
}

func feedOf(t *testing.T) units {
	t.Helper()
	body, err := anypb.New(&organizationv1.Unit{Name: "units/a", State: organizationv1.Unit_STATE_ARCHIVED})
	if err != nil {
		t.Fatal(err)
	}
	day := timestamppb.New(time.Date(2026, 3, 20, 4, 0, 0, 0, time.UTC))
	entry, err := proto.Marshal(&feedv1.Entry{Body: body, Effective: day})
	if err != nil {
		t.Fatal(err)
	}
	return units{entry: entry}
}

func (u units) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest, _ ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	if req.GetStart() == 1 {
		return &feedv1.ListRecordsResponse{NextStart: 1, Size: 1}, feed.Pause(ctx, req.GetWait().AsDuration())
	}
	return &feedv1.ListRecordsResponse{Records: []*feedv1.Record{{Entry: u.entry}}, NextStart: 1, Size: 1}, nil
}

// counting counts what is committed.
type counting struct {
	store.Engine
	commits int
}

func (c *counting) Update(ctx context.Context, do func(store.Tx) error) error {
	err := c.Engine.Update(ctx, do)
	if err == nil {
		c.commits++
	}
	return err
}

// A held log stops nobody: what was heard is told once the log goes on. And what was
// told is not written again at the next start.
func TestWhatIsHeardWaitsForTheLogAndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feedtest.Open(t)
		engine := &counting{Engine: storetest.Declared(t, f.Engine, store.Schema{Buckets: []string{archived.Bucket("test")}})}
		told := ""
		u := archived.Units{Service: "test", Feeds: feedOf(t), Book: &change.Book{Store: engine, Log: f.Log, Now: time.Now}}
		u.Tell = func(tx *change.Tx, unit, day string) error {
			_, err := f.Log.Append(tx, feed.Change{Kind: "test.told.v1", Subject: unit, Rev: 1})
			if err == nil {
				told += unit + " " + day
			}
			return err
		}
		f.Log.Hold("a test")
		for _, want := range []string{"", "units/a 2026-03-20", "units/a 2026-03-20"} {
			ctx, stop := context.WithTimeout(t.Context(), time.Hour)
			err := u.Follow(ctx)
			stop()
			if !errors.Is(err, context.DeadlineExceeded) || told != want {
				t.Errorf("Follow = %v, told %q, want %q", err, told, want)
			}
			f.Log.Release()
		}
		if engine.commits != 1 {
			t.Errorf("%d commits, want 1", engine.commits)
		}
	})
}
