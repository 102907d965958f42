package authn

import (
	"sync"
	"time"
)

// How often a network may try keys that do not hold.
const (
	burst = 50 // tries at once
	pace  = 10 // tries a second from then on
	// Calls at the same time may fail more often than that; what goes beyond this
	// is not held against them, so that there is always a try a second later.
	most = burst + pace - 1

	culprits = 10_000 // counted apart; beyond it those that come new are counted as one
)

// culprit is who is charged with a key that does not hold: a network and, if the
// key was issued once, that key alone. So a neighbour that makes keys up shuts
// nobody out who has one.
type culprit struct {
	network string
	id      string
}

// failures counts, for each culprit, the tries it has left.
type failures struct {
	mu    sync.Mutex
	left  map[culprit]allowance
	rest  allowance // of all those for whom there is no room
	swept time.Time
}

type allowance struct {
	spent float64
	at    time.Time
}

// after is the allowance as it has recovered by now.
func (a allowance) after(now time.Time) allowance {
	return allowance{max(a.spent-now.Sub(a.at).Seconds()*pace, 0), now}
}

// mayTry says whether c may try one more key.
func (f *failures) mayTry(c culprit, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.left[c]
	if !ok && len(f.left) >= culprits {
		a = f.rest
	}
	return a.after(now).spent <= burst-1
}

// charge notes that c tried a key that does not hold.
func (f *failures) charge(c culprit, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.left[c]
	if !ok && !f.room(now) {
		f.rest = f.rest.more(now)
		return
	}
	f.left[c] = a.more(now)
}

func (a allowance) more(now time.Time) allowance {
	a = a.after(now)
	a.spent = min(a.spent+1, most)
	return a
}

// room makes room for one more culprit, if it can, by dropping those that have
// recovered; once a second at most, as it looks at all.
func (f *failures) room(now time.Time) bool {
	if f.left == nil {
		f.left = map[culprit]allowance{}
	}
	if len(f.left) >= culprits && now.Sub(f.swept) >= time.Second {
		f.swept = now
		for c, a := range f.left {
			if a.after(now).spent == 0 {
				delete(f.left, c)
			}
		}
	}
	return len(f.left) < culprits
}
