package server

import (
	"context"
	"sync"

	"github.com/duban-project/duban/services/internal/store"
)

// Lag is how far events and their deliveries are behind.
type Lag struct {
	// Entries are those of the feeds, as far as they have been heard of, that are
	// not yet told as events.
	Entries uint64
	// Waiting are the deliveries that wait, Dead those that were given up and are
	// kept.
	Waiting, Dead uint64
	// Stuck are the webhooks to which nothing is sent because of this installation
	// itself.
	Stuck uint64
}

// heard is how many entries of each feed are not taken in yet.
type heard struct {
	mu     sync.Mutex
	behind map[string]uint64
}

func (h *heard) set(service string, behind uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.behind[service] = behind
}

func (h *heard) sum() (n uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, behind := range h.behind {
		n += behind
	}
	return n
}

// Lag says how far events and their deliveries are behind.
func (s *Service) Lag(ctx context.Context) (Lag, error) {
	lag := Lag{Entries: s.heard.sum(), Stuck: s.troubles.count()}
	err := s.book.Store.View(ctx, func(tx store.Tx) error {
		for e, err := range tx.Scan(queuesBucket, nil, nil) {
			if err != nil {
				return err
			}
			q, err := decodeQueue(e.Value)
			if err != nil {
				return err
			}
			lag.Waiting += uint64(q.Pending)
			lag.Dead += uint64(q.Dead)
		}
		return nil
	})
	return lag, err
}
