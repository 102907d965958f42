package limit

import "sync"

// Held counts what each of many keys holds at once: who holds nothing has no row. The zero Held
// is empty; it is safe for concurrent use.
type Held[K comparable] struct {
	mu  sync.Mutex
	by  map[K]int
	all int
}

// Take counts one more that the key holds, until give, which may be called again. It says no, and
// counts nothing, if the key holds each already, or all keys together most.
func (h *Held[K]) Take(key K, each, most int) (give func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by[key] >= each || h.all >= most {
		return nil, false
	}
	if h.by == nil {
		h.by = map[K]int{}
	}
	h.by[key]++
	h.all++
	return sync.OnceFunc(func() { h.give(key) }), true
}

func (h *Held[K]) give(key K) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.by[key]--; h.by[key] == 0 {
		delete(h.by, key)
	}
}
