package main

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

// put is one thing that a create stored.
type put struct {
	bucket     string
	key, value []byte
}

// recorder keeps what every Update of an engine put, while it records.
type recorder struct {
	store.Engine
	mu        sync.Mutex
	recording bool
	updates   [][]put
}

func (r *recorder) Update(ctx context.Context, fn func(store.Tx) error) error {
	if !r.recording {
		return r.Engine.Update(ctx, fn)
	}
	var puts []put
	err := r.Engine.Update(ctx, func(tx store.Tx) error {
		puts = nil
		return fn(noting{tx, &puts})
	})
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.updates = append(r.updates, puts)
	}
	return err
}

type noting struct {
	store.Tx
	puts *[]put
}

func (n noting) Put(bucket string, key, value []byte) error {
	*n.puts = append(*n.puts, put{bucket, bytes.Clone(key), bytes.Clone(value)})
	return n.Tx.Put(bucket, key, value)
}

// record returns what n creates put, one by one: record, indexes, request id,
// feed entry, as bytes. They come from a suite of their own, untimed.
func record(ctx context.Context, n, callers int) (updates [][]put, err error) {
	var r *recorder
	w, err := newWorld(ctx, city{schools: callers}, func(role string, e store.Engine) store.Engine {
		if role != "rectification" {
			return e
		}
		r = &recorder{Engine: e}
		return r
	})
	if err != nil {
		return nil, err
	}
	r.recording = true
	_, err = w.creates(ctx, w.conn, 0, n, callers)
	return r.updates, errors.Join(err, w.stop())
}

// bare is our engine alone.
type bare struct {
	store.Engine
	folder string
}

func newBare() (*bare, error) {
	folder, err := os.MkdirTemp("", "duban-bench-")
	if err != nil {
		return nil, err
	}
	e, err := bolt.Open(filepath.Join(folder, "bare.db"), bolt.Options{})
	return &bare{e, folder}, err
}

func (b *bare) close() error { return errors.Join(b.Close(), os.RemoveAll(b.folder)) }

// replay puts the same again, and returns how many updates a second were
// durable.
func (b *bare) replay(ctx context.Context, updates [][]put, callers int) (float64, error) {
	return spread(len(updates), callers, func(_ int, i int64) error {
		return b.Update(ctx, func(tx store.Tx) error {
			for _, p := range updates[i-1] {
				if err := tx.Put(p.bucket, p.key, p.value); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
