// Package limit holds a limiter for each of many keys, such as networks, callers
// and credentials, in bounded memory, and counts what each of them holds at once. What a key stands for, and what follows when
// it has nothing left, is for those who ask.
package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Most is how many keys a Table tells apart.
const Most = 10_000

// looks is how many keys are looked at for one that has recovered.
const looks = 16

// Size is how much is admitted: so many a second on average, and so many at once.
type Size struct {
	Rate  rate.Limit
	Burst int
}

// Table holds the limiters of at most Most keys. It forgets only keys that have
// recovered, to whom that means nothing: however many others come, nobody who has
// used something up begins anew. While there is no room, all keys that come new
// share one limiter. The zero Table is empty; it is safe for concurrent use.
type Table[K comparable] struct {
	mu   sync.Mutex
	held map[K]*rate.Limiter
	rest *rate.Limiter // of all those for whom there is no room
}

// Of returns the limiter of a key, which has that size from now on, and at first as
// much left. Who asks with the zero time goes by real time, as package rate takes
// it.
func (t *Table[K]) Of(key K, s Size, now time.Time) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.held[key]
	switch {
	case l != nil:
	case t.room(now):
		l = rate.NewLimiter(s.Rate, s.Burst)
		t.held[key] = l
	default:
		l = t.shared(s)
	}
	resize(l, s, now)
	return l
}

// room makes room for one more key, if it can: where few have recovered, by chance.
func (t *Table[K]) room(now time.Time) bool {
	if t.held == nil {
		t.held = map[K]*rate.Limiter{}
	}
	seen := 0
	for key, l := range t.held {
		if seen++; len(t.held) < Most || seen > looks {
			break
		}
		if tokens(l, now) >= float64(l.Burst()) {
			delete(t.held, key)
		}
	}
	return len(t.held) < Most
}

func (t *Table[K]) shared(s Size) *rate.Limiter {
	if t.rest == nil {
		t.rest = rate.NewLimiter(s.Rate, s.Burst)
	}
	return t.rest
}

func tokens(l *rate.Limiter, now time.Time) float64 {
	if now.IsZero() {
		return l.Tokens()
	}
	return l.TokensAt(now)
}

func resize(l *rate.Limiter, s Size, now time.Time) {
	switch {
	case l.Limit() == s.Rate && l.Burst() == s.Burst:
	case now.IsZero():
		l.SetLimit(s.Rate)
		l.SetBurst(s.Burst)
	default:
		l.SetLimitAt(now, s.Rate)
		l.SetBurstAt(now, s.Burst)
	}
}
