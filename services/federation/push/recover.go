package push

import (
	"context"
	"errors"
	"fmt"
	"iter"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
)

var errLost = errors.New("the tail that is lost cannot be taken back")

// recover holds a log that has less than it once signed, and takes the rest back
// from the installation above. It answers why the log is not pushed in this
// stream: after a success the next one does.
func (s *session) recover(ctx context.Context, o *outgoing, l *federationv1.Standing) error {
	if l.GetSize() <= o.first.GetSize() {
		return fmt.Errorf("%w: %d entries are no more than the %d that are here", errLost, l.GetSize(), o.first.GetSize())
	}
	if err := federation.CheckBranch(o.key, l.GetSize(), l.GetCover()); err != nil {
		return fmt.Errorf("%w: that there was more is not shown: %w", errLost, err)
	}
	if err := s.Keep.Hold(ctx, o.name, fmt.Sprintf("it once had %d entries, and has %d", l.GetSize(), o.first.GetSize())); err != nil {
		return err
	}
	if err := s.Keep.Restore(ctx, o.name, l, s.tail(o, l.GetSize())); err != nil {
		return err
	}
	return errAgain
}

// tail asks for the entries up to size, a run at a time. Nothing else is under way
// in the stream yet.
func (s *session) tail(o *outgoing, size uint64) iter.Seq2[[]*feedv1.Record, error] {
	return func(yield func([]*feedv1.Record, error) bool) {
		for start := o.first.GetSize(); start < size; {
			run, err := s.fetch(o, start)
			run = run[:min(uint64(len(run)), size-start)]
			if !yield(run, err) || err != nil {
				return
			}
			start += uint64(len(run))
		}
	}
}

// fetch asks for entries from start on, of which at least one comes.
func (s *session) fetch(o *outgoing, start uint64) ([]*feedv1.Record, error) {
	fetch := &federationv1.Fetch{Origin: o.origin, Start: start}
	if err := s.send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Fetch{Fetch: fetch}}); err != nil {
		return nil, err
	}
	m, err := s.stream.Recv()
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", o.name, err)
	}
	run := m.GetEntries().GetRecords()
	if len(run) == 0 || m.GetEntries().GetOrigin() != o.origin {
		return nil, fmt.Errorf("%w: %d entries from %d on came", errLost, len(run), start)
	}
	return run, nil
}
