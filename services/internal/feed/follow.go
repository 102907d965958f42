package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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

// Reader is who follows a feed.
type Reader struct {
	// Feed is the service's whose it is, such as "rectification".
	Feed string
	// From is how far it was read before.
	From  Place
	Apply Apply
	// Lost is told again and again while the feed is not the one that was read: it is
	// shorter, or another in place of it; size is how many entries it has. Nil for nobody.
	Lost func(size uint64)
}

// Follow reads the feed on for ever: it ends with ctx's error or with that of Apply. An
// answer comes at least every ten seconds while the other side lives. Whatever else goes
// wrong, also a feed that has a gap, is logged and tried again, after delays of up to five
// seconds. Nothing is taken from a feed that is shorter than what was read of it, also
// when it has grown past that, until the entry that was read last stands there again.
func Follow(ctx context.Context, client feedv1.FeedServiceClient, r Reader) error {
	f := &following{Reader: r, client: client, place: r.From, doubt: true}
	var tries Backoff
	for {
		run, res, err := f.next(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			f.trouble(ctx, err)
			if err := tries.Pause(ctx); err != nil {
				return err
			}
			continue
		}
		if err := r.Apply(ctx, run, res.GetNextStart(), res.GetSize()); err != nil {
			return err
		}
		tries.Reset()
		f.place, f.current = f.place.Behind(run), res.GetNextStart() == res.GetSize()
	}
}

// following is where a reader stands.
type following struct {
	Reader
	client  feedv1.FeedServiceClient
	place   Place
	current bool // only who is waits
	doubt   bool // the feed may be another than before
	lost    int  // how often it was, one time after the other
}

// errLost says that a feed is not the one that was read.
var errLost = errors.New("it is not the feed that was read")

// next is the run at the reader's place, of the feed that was read before.
func (f *following) next(ctx context.Context) ([]*feedv1.Entry, *feedv1.ListRecordsResponse, error) {
	if f.lost > 0 && len(f.place.ID) == 0 {
		return nil, nil, fmt.Errorf("%w: it was shorter, and which entry was read last is not known here", errLost)
	}
	if f.doubt {
		if err := f.recognize(ctx); err != nil {
			return nil, nil, err
		}
	}
	req := &feedv1.ListRecordsRequest{Parent: "feeds/" + f.Feed, Start: f.place.Next, PageSize: pollSize}
	if f.current {
		req.Wait = durationpb.New(pollWait)
	}
	run, res, err := poll(ctx, f.client, req)
	if err == nil && f.lost > 0 {
		f.lost = 0
		slog.InfoContext(ctx, "the feed is the one that was read again, and is followed", "feed", f.Feed, "start", f.place.Next)
	}
	return run, res, err
}

// recognize finds the entry that was read last where it was read.
func (f *following) recognize(ctx context.Context) error {
	if len(f.place.ID) > 0 {
		last := f.place.Next - 1
		run, _, err := poll(ctx, f.client, &feedv1.ListRecordsRequest{Parent: "feeds/" + f.Feed, Start: last, PageSize: 1})
		switch {
		case err != nil:
			return err
		case len(run) == 0:
			return fmt.Errorf("%w: it is shorter than what was read here", errLost)
		case !bytes.Equal(run[0].GetId(), f.place.ID):
			return fmt.Errorf("%w: another entry stands at %d", errLost, last)
		}
	}
	f.doubt = false
	return nil
}

// trouble logs what went wrong; what stays so every ten minutes.
func (f *following) trouble(ctx context.Context, err error) {
	f.doubt, f.current = true, false
	if !errors.Is(err, errLost) {
		slog.WarnContext(ctx, "following a feed", "feed", f.Feed, "start", f.place.Next, "error", err)
		return
	}
	cp, _ := f.client.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + f.Feed})
	if f.lost%lostSilence == 0 {
		slog.Log(ctx, f.gravity(), "a feed has lost what was read of it: nothing more is taken from it", "feed", f.Feed, "read", f.place.Next, "size", cp.GetSize(), "error", err)
	}
	f.lost++
	if f.Lost != nil {
		f.Lost(cp.GetSize())
	}
}

// gravity is how grave it is that the feed has lost what was read. A mirror is made anew
// with each era of the log below, beside the one before, and is shorter meanwhile.
func (f *following) gravity() slog.Level {
	if strings.Contains(f.Feed, ".") {
		return slog.LevelWarn
	}
	return slog.LevelError
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

	lostSilence = 120 // the same of tries that are five seconds apart
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

// poll makes one call and decodes its answer.
func poll(ctx context.Context, client feedv1.FeedServiceClient, req *feedv1.ListRecordsRequest) (
	[]*feedv1.Entry, *feedv1.ListRecordsResponse, error,
) {
	ctx, cancel := context.WithTimeout(ctx, pollWait+pollGrace)
	defer cancel()
	res, err := client.ListRecords(ctx, req)
	switch {
	case status.Code(err) == codes.InvalidArgument: // nothing but the start can be wrong with it
		return nil, nil, fmt.Errorf("%w: it is shorter than what was read here", errLost)
	case err != nil:
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
	if next == start && res.GetNextStart() == start && res.GetSize() < start {
		return nil, fmt.Errorf("%w: it has %d entries, and %d were read here", errLost, res.GetSize(), start)
	}
	if res.GetNextStart() != next || res.GetSize() < next {
		return nil, fmt.Errorf("a run of %d..%d says it ends at %d of %d", start, next, res.GetNextStart(), res.GetSize())
	}
	if len(run) == 0 && res.GetSize() > start {
		return nil, fmt.Errorf("none of the entries from %d to %d came", start, res.GetSize())
	}
	return run, nil
}
