package feed

import (
	"cmp"
	"context"
	"time"
)

const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 5 * time.Second
)

// Backoff is the growing pause between tries at something that does not answer:
// twice as long each time, between two bounds. The zero Backoff is ready for use.
type Backoff struct {
	// First and Last are the shortest and the longest pause; 0: a tenth of a second
	// and five seconds.
	First, Last time.Duration

	next time.Duration
}

// Pause waits before the next try, or returns ctx's error if that ends first.
func (b *Backoff) Pause(ctx context.Context) error {
	last := cmp.Or(b.Last, lastDelay)
	delay := min(cmp.Or(b.next, b.First, firstDelay), last)
	b.next = min(2*delay, last)
	return Pause(ctx, delay)
}

// Reset begins anew, which is what follows a success.
func (b *Backoff) Reset() { b.next = 0 }

// Pause waits for d, or returns ctx's error if that ends first. Followers use it
// between tries.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
