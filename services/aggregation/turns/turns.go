// Package turns bounds what all reports that come at once take of the memory, by their rows
// and in whatever form they come: long ones wait for their turn. What is done in it is the
// business of package desk.
package turns

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/fault"
)

const (
	// most is how many rows of reports beyond one page are read and judged at once: the
	// longest in JSON. A file may have more, and has all the room for itself then.
	most = 100_000
	// turn is how long a report waits for room.
	turn = 20 * time.Second
	// later is when to come again.
	later = 5 * time.Second
)

var errOverloaded = fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)

// Room has so many rows of reports.
type Room struct {
	rows *semaphore.Weighted
	turn time.Duration
}

// New returns a room that is empty.
func New() *Room { return &Room{rows: semaphore.NewWeighted(most), turn: turn} }

// Take makes room for so many rows. Of that, keep leaves as much as so many rows need and
// gives back the rest, all of it for none; it is never nil. It waits as long as a turn lasts,
// and refuses then.
func (r *Room) Take(ctx context.Context, rows int) (keep func(rows int), err error) {
	n := needs(rows)
	if n == 0 {
		return func(int) {}, nil
	}
	waits, cancel := context.WithTimeout(ctx, r.turn)
	defer cancel()
	switch {
	case r.rows.Acquire(waits, n) == nil:
		return func(rows int) {
			left := min(n, needs(rows))
			r.rows.Release(n - left)
			n = left
		}, nil
	case ctx.Err() != nil:
		return func(int) {}, ctx.Err()
	default:
		return func(int) {}, errOverloaded.After(later)
	}
}

// needs is how much room so many rows take: those of one page, none.
func needs(rows int) int64 {
	if rows <= reports.PageRows {
		return 0
	}
	return min(int64(rows), most)
}
