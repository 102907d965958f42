package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

const (
	pollSize  = 1_000            // entries: a reader far behind takes few, large steps
	pollWait  = 10 * time.Second // how long the other side holds a call open
	pollGrace = 10 * time.Second // what a call may take beyond that
)

// Apply takes a run of a feed's entries, decoded, in their order and without
// gaps. It may be empty: then only how far the feed is has been heard. next is where
// the run after it begins, size how many entries the feed had: the reader is current
// when the two are equal.
type Apply func(ctx context.Context, run []*feedv1.Entry, next, size uint64) error

// Follow reads the feed of the named service from start on, for ever: it ends
// with ctx's error or with that of apply. An answer comes at least every ten
// seconds while the other side lives. Whatever else goes wrong, also a feed
// that is shorter than start or has a gap, is logged and tried again, after
// delays of up to five seconds.
func Follow(ctx context.Context, client feedv1.FeedServiceClient, name string, start uint64, apply Apply) error {
	var tries Backoff
	req := &feedv1.ListRecordsRequest{Parent: "feeds/" + name, Start: start, PageSize: pollSize}
	for {
		run, res, err := poll(ctx, client, req)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			slog.WarnContext(ctx, "following a feed", "feed", name, "start", req.GetStart(), "error", err)
			if err := tries.Pause(ctx); err != nil {
				return err
			}
			continue
		}
		if err := apply(ctx, run, res.GetNextStart(), res.GetSize()); err != nil {
			return err
		}
		tries.Reset()
		req = after(req, res)
	}
}

const (
	crowd  = 16                     // entries in a run, which many must have written at once
	gather = 200 * time.Millisecond // how long to let more come together then, at least
	most   = 500 * time.Millisecond // and at most
	share  = 20                     // of its time a busy reader takes one part for what becomes of the entries
)

// Gathered is apply for who writes down durably what becomes of the entries: what
// many have written at once waits a while, in which more comes together for the run
// after it; the longer, the longer it took to take in the run before, as it does in a
// large store. So a busy feed is followed in few commits, which share a disk with the
// feed's own. That it waits is told first, by an empty run that is behind: the reader
// is not current meanwhile. What comes one by one is applied at once.
func Gathered(apply Apply) Apply {
	var took time.Duration
	return func(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
		if len(run) >= crowd && next == size {
			if err := apply(ctx, nil, next-uint64(len(run)), size); err != nil {
				return err
			}
			if err := Pause(ctx, min(max(gather, share*took), most)); err != nil {
				return err
			}
		}
		begun := time.Now()
		err := apply(ctx, run, next, size)
		took = time.Since(begun)
		return err
	}
}

const (
	patience = time.Second // how long to wait for what passes by itself
	silence  = 600         // tries that are not logged again: ten minutes of them
)

// Patient is apply for what a full disk may hold up, a log that is held until
// somebody decides, or another of the errors that are not the run's own: then the run
// is tried again each second, which is logged at first and every ten minutes. It ends
// with any other error, or with ctx's.
func Patient(name string, apply Apply, passing ...error) Apply {
	passing = append(passing, store.ErrFull, ErrHeld)
	return func(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
		for try := 0; ; try++ {
			err := apply(ctx, run, next, size)
			if !slices.ContainsFunc(passing, func(p error) bool { return errors.Is(err, p) }) {
				return err
			}
			if try%silence == 0 {
				slog.WarnContext(ctx, "taking in a feed", "feed", name, "error", err)
			}
			if err := Pause(ctx, patience); err != nil {
				return err
			}
		}
	}
}

// after is the request that follows req. Only a reader that is current waits.
func after(req *feedv1.ListRecordsRequest, res *feedv1.ListRecordsResponse) *feedv1.ListRecordsRequest {
	next := &feedv1.ListRecordsRequest{Parent: req.GetParent(), Start: res.GetNextStart(), PageSize: req.GetPageSize()}
	if res.GetNextStart() == res.GetSize() {
		next.Wait = durationpb.New(pollWait)
	}
	return next
}

// poll makes one call and decodes its answer.
func poll(ctx context.Context, client feedv1.FeedServiceClient, req *feedv1.ListRecordsRequest) (
	[]*feedv1.Entry, *feedv1.ListRecordsResponse, error,
) {
	ctx, cancel := context.WithTimeout(ctx, pollWait+pollGrace)
	defer cancel()
	res, err := client.ListRecords(ctx, req)
	if err != nil {
		return nil, nil, fmt.Errorf("reading entries: %w", err)
	}
	run, err := decode(req.GetStart(), res)
	return run, res, err
}

// decode refuses an answer that is not a run from start.
func decode(start uint64, res *feedv1.ListRecordsResponse) ([]*feedv1.Entry, error) {
	run := make([]*feedv1.Entry, 0, len(res.GetRecords()))
	for i, record := range res.GetRecords() {
		want, e := start+uint64(i), &feedv1.Entry{}
		if err := proto.Unmarshal(record.GetEntry(), e); err != nil {
			return nil, fmt.Errorf("decoding entry %d: %w", want, err)
		}
		if record.GetSeq() != want || e.GetSeq() != want {
			return nil, fmt.Errorf("entry %d stands at %d, where %d should be", e.GetSeq(), record.GetSeq(), want)
		}
		run = append(run, e)
	}
	next := start + uint64(len(run))
	if res.GetNextStart() != next || res.GetSize() < next {
		return nil, fmt.Errorf("a run of %d..%d says it ends at %d of %d", start, next, res.GetNextStart(), res.GetSize())
	}
	if len(run) == 0 && res.GetSize() > start {
		return nil, fmt.Errorf("none of the entries from %d to %d came", start, res.GetSize())
	}
	return run, nil
}
