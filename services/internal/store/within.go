package store

import (
	"context"
	"iter"
	"strings"
)

// Within returns an engine that keeps its buckets among those of e, under names
// that begin with prefix: one file holds many logs. It shares e's transactions;
// closing it closes nothing.
func Within(e Engine, prefix string) Engine { return within{e, prefix} }

// Under returns tx as an engine that Within made would give it.
func Under(tx Tx, prefix string) Tx { return under{tx, prefix} }

type within struct {
	Engine
	prefix string
}

// View implements Engine.
func (w within) View(ctx context.Context, fn func(Tx) error) error {
	return w.Engine.View(ctx, func(tx Tx) error { return fn(under{tx, w.prefix}) })
}

// Update implements Engine.
func (w within) Update(ctx context.Context, fn func(Tx) error) error {
	return w.Engine.Update(ctx, func(tx Tx) error { return fn(under{tx, w.prefix}) })
}

// Close implements Engine.
func (within) Close() error { return nil }

type under struct {
	tx     Tx
	prefix string
}

// Get implements Tx.
func (u under) Get(bucket string, key []byte) ([]byte, error) { return u.tx.Get(u.prefix+bucket, key) }

// Put implements Tx.
func (u under) Put(bucket string, key, value []byte) error {
	return u.tx.Put(u.prefix+bucket, key, value)
}

// Delete implements Tx.
func (u under) Delete(bucket string, key []byte) error { return u.tx.Delete(u.prefix+bucket, key) }

// Scan implements Tx.
func (u under) Scan(bucket string, from, to []byte) iter.Seq2[Entry, error] {
	return u.tx.Scan(u.prefix+bucket, from, to)
}

// Buckets implements Tx: those under the prefix, by the rest of their names.
func (u under) Buckets() (names []string, err error) {
	all, err := u.tx.Buckets()
	for _, name := range all {
		if rest, ok := strings.CutPrefix(name, u.prefix); ok {
			names = append(names, rest)
		}
	}
	return names, err
}
