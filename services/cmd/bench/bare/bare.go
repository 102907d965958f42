// Package bare is our engine alone: what others were seen to put into theirs is put
// again, without anything being decided, encoded, hashed or signed.
package bare

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// Update is what one transaction put, in its order, as bytes.
type Update []put

type put struct {
	bucket     string
	key, value []byte
}

// Recorder is an engine of which what every Update puts is kept, from Record on.
// What the engine itself puts before a commit is not.
type Recorder struct {
	store.Engine
	mu        sync.Mutex
	recording bool
	updates   []Update
}

// Record begins to keep what is put.
func (r *Recorder) Record() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recording = true
}

// Updates are those that were kept.
func (r *Recorder) Updates() []Update {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.updates
}

// Update implements store.Engine.
func (r *Recorder) Update(ctx context.Context, fn func(store.Tx) error) error {
	var puts Update
	err := r.Engine.Update(ctx, func(tx store.Tx) error {
		puts = nil
		return fn(noting{tx, &puts})
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.recording && len(puts) > 0 {
		r.updates = append(r.updates, puts)
	}
	return err
}

type noting struct {
	store.Tx
	puts *Update
}

func (n noting) Put(bucket string, key, value []byte) error {
	*n.puts = append(*n.puts, put{bucket, bytes.Clone(key), bytes.Clone(value)})
	return n.Tx.Put(bucket, key, value)
}

// Engine is a new engine in a folder of its own, which goes with it.
type Engine struct {
	store.Engine
	folder string
}

// New opens one.
func New() (*Engine, error) {
	folder, err := os.MkdirTemp("", "duban-bench-")
	if err != nil {
		return nil, err
	}
	e, err := bolt.Open(filepath.Join(folder, "bare.db"), bolt.Options{})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return &Engine{e, folder}, nil
}

// Close implements store.Engine.
func (e *Engine) Close() error { return errors.Join(e.Engine.Close(), os.RemoveAll(e.folder)) }

// Put puts the same as an Update did, in one transaction.
func (e *Engine) Put(ctx context.Context, u Update) error {
	return e.Update(ctx, func(tx store.Tx) error {
		for _, p := range u {
			if err := tx.Put(p.bucket, p.key, p.value); err != nil {
				return err
			}
		}
		return nil
	})
}
