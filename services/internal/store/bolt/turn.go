package bolt

import (
	"slices"
	"sync"
)

// turn is a right that one caller has at a time and that goes from hand to hand
// in the order of arrival. It is a mutex whose holder knows whether somebody
// waits, and whose waiters may leave.
type turn struct {
	mu      sync.Mutex
	taken   bool
	waiting []chan struct{} // closed when handed the turn
}

// take waits for the turn and says whether it got it. It gives up when done is
// closed; one that was handed the turn at that very moment has it.
func (t *turn) take(done <-chan struct{}) bool {
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return true
	}
	mine := make(chan struct{})
	t.waiting = append(t.waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return true
	case <-done:
		return !t.forget(mine)
	}
}

// forget removes a waiter and says whether it still was one.
func (t *turn) forget(w chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, w)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return true
}

// pass hands the turn to the first who waits. If nobody does, the caller keeps
// it.
func (t *turn) pass() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next()
}

// leave gives the turn up, to the first who waits or to whoever comes.
func (t *turn) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken = t.next()
}

// next hands the turn over, with mu held.
func (t *turn) next() bool {
	if len(t.waiting) == 0 {
		return false
	}
	close(t.waiting[0])
	t.waiting = t.waiting[1:]
	return true
}
