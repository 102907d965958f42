package server

import (
	"context"
	"encoding/binary"
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
	lag := Lag{Entries: s.heard.sum()}
	err := s.book.Store.View(ctx, func(tx store.Tx) error {
		for e, err := range tx.Scan(queuesBucket, nil, nil) {
			if err != nil {
				return err
			}
			var q queue
			if _, err := binary.Decode(e.Value, binary.BigEndian, &q); err != nil {
				return err
			}
			lag.Waiting += uint64(q.Pending)
			lag.Dead += uint64(q.Dead)
		}
		return nil
	})
	return lag, err
}
