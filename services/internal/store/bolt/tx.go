package bolt

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
)

// A scan copies this many entries at a time out of the cursor, few at first for
// whoever wants only the first.
const firstPage, lastPage = 8, 256

// tx is one caller's part in a transaction that he may share with others.
type tx struct {
	t     *bbolt.Tx    // nil when the caller's fn has ended
	alive func() error // says why a long scan should stop
	undo  []change
}

// change remembers what one write replaced. bbolt keeps old valid until the
// transaction ends.
type change struct {
	bucket   *bbolt.Bucket
	key, old []byte // old is nil if the key was absent
}

// Get implements store.Tx.
func (x *tx) Get(bucket string, key []byte) ([]byte, error) {
	if x.t == nil {
		return nil, errOver
	}
	b := x.t.Bucket([]byte(bucket))
	if b == nil {
		return nil, store.ErrNotFound
	}
	v := b.Get(key)
	if v == nil {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(v), nil
}

// Put implements store.Tx. bbolt keeps value until the commit, which may come
// long after its owner has gone on: hence the copy.
func (x *tx) Put(bucket string, key, value []byte) error {
	if err := x.writable(); err != nil {
		return err
	}
	b, err := x.bucket(bucket)
	if err != nil {
		return fmt.Errorf("making bucket %q: %w", bucket, err)
	}
	x.remember(b, key, b.Get(key))
	if err := b.Put(key, append([]byte{}, value...)); err != nil {
		return fmt.Errorf("putting into %q: %w", bucket, err)
	}
	return nil
}

// Delete implements store.Tx.
func (x *tx) Delete(bucket string, key []byte) error {
	if err := x.writable(); err != nil {
		return err
	}
	b := x.t.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	old := b.Get(key)
	if old == nil {
		return nil
	}
	x.remember(b, key, old)
	if err := b.Delete(key); err != nil {
		return fmt.Errorf("deleting from %q: %w", bucket, err)
	}
	return nil
}

// Scan implements store.Tx.
func (x *tx) Scan(bucket string, from, to []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for page := firstPage; ; page = min(2*page, lastPage) {
			entries, err := x.read(bucket, from, to, page)
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			if len(entries) == page {
				from = append(bytes.Clone(entries[page-1].Key), 0)
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if len(entries) < page {
				return
			}
		}
	}
}

// Buckets implements store.Tx.
func (x *tx) Buckets() (names []string, err error) {
	if x.t == nil {
		return nil, errOver
	}
	err = x.t.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		names = append(names, string(name))
		return x.alive()
	})
	return names, err
}

// read copies out at most n entries, so that callers may write while they scan.
func (x *tx) read(bucket string, from, to []byte, n int) ([]store.Entry, error) {
	if x.t == nil {
		return nil, errOver
	}
	if err := x.alive(); err != nil {
		return nil, err
	}
	b := x.t.Bucket([]byte(bucket))
	if b == nil {
		return nil, nil
	}
	var entries []store.Entry
	c := b.Cursor()
	for k, v := c.Seek(from); k != nil && len(entries) < n; k, v = c.Next() {
		if to != nil && bytes.Compare(k, to) >= 0 {
			break
		}
		entries = append(entries, store.Entry{Key: bytes.Clone(k), Value: bytes.Clone(v)})
	}
	return entries, nil
}

func (x *tx) writable() error {
	switch {
	case x.t == nil:
		return errOver
	case !x.t.Writable():
		return store.ErrReadOnly
	}
	return nil
}

// bucket makes a bucket on its first use. An undo leaves it, empty.
func (x *tx) bucket(name string) (*bbolt.Bucket, error) {
	if b := x.t.Bucket([]byte(name)); b != nil {
		return b, nil
	}
	return x.t.CreateBucket([]byte(name))
}

func (x *tx) remember(b *bbolt.Bucket, key, old []byte) {
	x.undo = append(x.undo, change{b, bytes.Clone(key), old})
}

// rollback undoes the caller's writes, the last one first.
func (x *tx) rollback() error {
	for _, c := range slices.Backward(x.undo) {
		if err := c.revert(); err != nil {
			return fmt.Errorf("undoing a change: %w", err)
		}
	}
	return nil
}

func (c change) revert() error {
	if c.old == nil {
		return c.bucket.Delete(c.key)
	}
	return c.bucket.Put(c.key, c.old)
}

// close ends the caller's access to a transaction that goes on without him.
func (x *tx) close() { x.t = nil }
