package directory

import (
	"context"
	"runtime"
	"sync"
)

// latest asks how long a feed is, once for all who want to know: whoever comes while
// the question is under way waits for the next one, as its answer may be older than
// what they have just seen.
type latest struct {
	turn chan struct{} // held by who asks

	mu   sync.Mutex
	next *question // that those share who come now; nil if nobody waits
}

type question struct {
	answered chan struct{}
	size     uint64
	err      error
}

func newLatest() *latest { return &latest{turn: make(chan struct{}, 1)} }

// size is at least what it was when the call began.
func (l *latest) size(ctx context.Context, ask func(context.Context) (uint64, error)) (uint64, error) {
	q, first := l.join()
	if first {
		l.put(ctx, q, ask)
		return q.size, q.err
	}
	select {
	case <-q.answered:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if q.err != nil { // of who asked, whose time may have been over
		return ask(ctx)
	}
	return q.size, nil
}

// join returns the question that is asked next, and whether the caller has to.
func (l *latest) join() (q *question, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next, first = &question{answered: make(chan struct{})}, true
	}
	return l.next, first
}

// put asks q when nobody else asks; who comes from then on is too late for it.
func (l *latest) put(ctx context.Context, q *question, ask func(context.Context) (uint64, error)) {
	defer close(q.answered)
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
		runtime.Gosched() // a commit lets many go at once: those that run already come along
	case <-ctx.Done():
		q.err = ctx.Err()
	}
	l.mu.Lock()
	l.next = nil
	l.mu.Unlock()
	if q.err == nil {
		q.size, q.err = ask(ctx)
	}
}
