package feed

import (
	"context"
	"sync"
)

// bell wakes those who wait for entries.
type bell struct {
	mu        sync.Mutex
	sealed    uint64        // the size that the next commit makes durable
	committed uint64        // the size that the last one did
	rung      chan struct{} // closed when committed changes
}

// Wait returns when a commit of this process has made the log larger than size,
// and with ctx's error if that ends first. Whoever has seen the size in a View
// misses nothing that comes after it.
func (l *Log) Wait(ctx context.Context, size uint64) error {
	for {
		committed, rung := l.bell.look()
		if committed > size {
			return nil
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Committed wakes those who wait for what Seal has seen. The engine MUST call
// it after each durable commit, before the next Seal. It returns at once.
func (l *Log) Committed() { l.bell.ring() }

// Durable is the size that the last commit of this process has made durable; 0
// before the first.
func (l *Log) Durable() uint64 {
	size, _ := l.bell.look()
	return size
}

func (b *bell) set(size uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sealed = size
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sealed == b.committed {
		return
	}
	b.committed = b.sealed
	close(b.rung)
	b.rung = make(chan struct{})
}

func (b *bell) look() (committed uint64, rung <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.committed, b.rung
}
