package push

import (
	"context"
	"errors"
	"fmt"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
)

// What a log can take back at once.
const (
	maxLostEntries = 200_000
	maxLostBytes   = 256 << 20
)

var errLost = errors.New("the tail that is lost cannot be taken back")

// recover holds a log that has less than it once signed, and takes the rest back
// from the installation above. It answers why the log is not pushed in this
// stream: after a success the next one does.
func (s *session) recover(ctx context.Context, o *outgoing, l *federationv1.Standing) error {
	if err := federation.CheckBranch(o.key, l.GetSize(), l.GetCover()); err != nil || l.GetSize() <= o.first.GetSize() {
		return fmt.Errorf("%w: that there was more is not shown: %w", errLost, err)
	}
	s.Keep.Hold(o.name, fmt.Sprintf("it once had %d entries, and has %d", l.GetSize(), o.first.GetSize()))
	root, err := federation.Hash(l.GetCover().GetRoot())
	if err != nil {
		return err
	}
	tail, err := s.tail(o, l.GetSize())
	if err != nil {
		return err
	}
	if err := s.Keep.Restore(ctx, o.name, tail, root); err != nil {
		return err
	}
	return errAgain
}

// tail asks for the entries up to size. Nothing else is under way in the stream
// yet.
func (s *session) tail(o *outgoing, size uint64) (tail []*feedv1.Record, err error) {
	bytes := 0
	for start := o.first.GetSize(); start < size; start = o.first.GetSize() + uint64(len(tail)) {
		fetch := &federationv1.Fetch{Origin: o.origin, Start: start}
		if err := s.send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Fetch{Fetch: fetch}}); err != nil {
			return nil, err
		}
		m, err := s.stream.Recv()
		if err != nil {
			return nil, fmt.Errorf("fetching %s: %w", o.name, err)
		}
		run := m.GetEntries().GetRecords()
		for _, r := range run {
			bytes += len(r.GetEntry())
		}
		tail = append(tail, run...)
		if len(run) == 0 || m.GetEntries().GetOrigin() != o.origin || len(tail) > maxLostEntries || bytes > maxLostBytes {
			return nil, fmt.Errorf("%w: %d entries from %d on came", errLost, len(run), start)
		}
	}
	return tail[:size-o.first.GetSize()], nil
}
