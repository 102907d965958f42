package own

import (
	"context"
	"fmt"
	"time"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
)

// Unsent returns how many entries of a role's log the installation above has not
// cosigned, and when the first of them was written; the zero time if there is none.
func (l Logs) Unsent(ctx context.Context, role string) (entries uint64, since time.Time, err error) {
	cp, err := l.Feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + role})
	if err != nil {
		return 0, since, fmt.Errorf("reading the head of %s: %w", role, err)
	}
	above, err := l.newest(ctx, cp)
	if err != nil || above.Size >= cp.GetSize() {
		return 0, since, err
	}
	res, err := l.Feeds.ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: cp.GetName(), Start: above.Size, PageSize: 1})
	if err != nil {
		return 0, since, fmt.Errorf("reading entry %d of %s: %w", above.Size, role, err)
	}
	if len(res.GetRecords()) == 0 {
		return 0, since, fmt.Errorf("%s has %d entries, and answers none from %d on", role, cp.GetSize(), above.Size)
	}
	e, err := federation.ReadEntry(res.GetRecords()[0].GetEntry())
	return cp.GetSize() - above.Size, e.GetAt().AsTime(), err
}
