package authn

import (
	"sync"
	"time"

	"github.com/duban-project/duban/services/internal/limit"
)

// How often a network may try keys that do not hold.
const (
	burst = 50 // tries at once
	pace  = 10 // tries a second from then on
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
	mu   sync.Mutex
	left limit.Table[culprit]
}

// mayTry says whether c may try one more key.
func (f *failures) mayTry(c culprit, now time.Time) bool {
	return f.left.Of(c, limit.Size{Rate: pace, Burst: burst}, now).TokensAt(now) >= 1
}

// charge notes that c tried a key that does not hold. Calls at the same time may
// fail more often than c had tries left; what goes beyond a second's is not held
// against it, so that there is always a try a second later.
func (f *failures) charge(c culprit, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.left.Of(c, limit.Size{Rate: pace, Burst: burst}, now); l.TokensAt(now) >= 2-pace {
		l.ReserveN(now, 1)
	}
}
