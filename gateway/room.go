package gateway

import "sync"

// parts is what nobody takes more than one of, of all that others leave: one stranger does
// not shut out the public, and whoever comes late still finds some room.
const parts = 8

// room is how many bytes may be held at once. It knows who holds them.
type room struct {
	mu   sync.Mutex
	free int64
	held map[string]int64
}

func newRoom(n int64) *room { return &room{free: n, held: map[string]int64{}} }

// take takes n bytes in the name of who. It says no where there are none, or where who would
// hold more than least, and more than a part of all that others do not.
func (r *room) take(who string, n, least int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.held[who]
	if n > r.free || held+n > max(least, (r.free+held)/parts) {
		return false
	}
	r.free -= n
	r.held[who] = held + n
	return true
}

// give gives them back.
func (r *room) give(who string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += n
	if r.held[who] -= n; r.held[who] == 0 {
		delete(r.held, who)
	}
}
