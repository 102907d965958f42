package feed

import (
	"context"
	"time"
)

const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 5 * time.Second
)

// Backoff is the growing pause between tries at something that does not answer:
// a tenth of a second at first, twice as long each time, five seconds at most.
// The zero Backoff begins anew, which is what follows a success.
type Backoff struct{ next time.Duration }

// Pause waits before the next try, or returns ctx's error if that ends first.
func (b *Backoff) Pause(ctx context.Context) error {
	delay := max(b.next, firstDelay)
	b.next = min(2*delay, lastDelay)
	return Pause(ctx, delay)
}

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
