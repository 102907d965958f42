// Package store is the ordered, transactional map that every service keeps its
// records in, and Table, which keeps messages and their indexes in it. Engines
// live in sub-packages, know bytes and not records, and must pass storetest.
// What a record means, who may change it and how the change is logged is
// decided above: package change.
package store

import (
	"context"
	"errors"
	"iter"
)

var (
	// ErrNotFound says that a key has no value.
	ErrNotFound = errors.New("store: not found")

	// ErrExists says that Insert met a record under the same key.
	ErrExists = errors.New("store: exists")

	// ErrReadOnly says that a View tried to write.
	ErrReadOnly = errors.New("store: write in a view")

	// ErrFull says that the disk is down to its configured reserve: nothing was
	// written, and reads go on.
	ErrFull = errors.New("store: disk reserve reached")

	// ErrUnknown says that a commit met an I/O error: the change may or may not
	// be durable. The process exits; the client repeats with its request id.
	ErrUnknown = errors.New("store: outcome unknown")
)

// Engine runs transactions. All transactions are serializable.
type Engine interface {
	// View runs fn on a snapshot of what is durable.
	View(ctx context.Context, fn func(Tx) error) error

	// Update runs fn and commits if fn returns nil; whatever it returns, Update
	// answers only after everything fn could read is durable. If fn fails,
	// panics or outlives ctx, nothing of it remains, and nobody else's change is
	// touched. fn MUST NOT have effects outside the Tx: an engine may run it
	// again. fn MUST NOT call Update.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for running transactions and refuses later ones.
	Close() error
}

// Tx reads and writes within one transaction. It MUST NOT outlive its fn.
type Tx interface {
	// Get returns a copy of the value, or ErrNotFound.
	Get(bucket string, key []byte) ([]byte, error)
	// Put copies key and value. An empty key is an error, a nil value is an
	// empty one.
	Put(bucket string, key, value []byte) error
	// Delete removes a key; a missing key is not an error.
	Delete(bucket string, key []byte) error
	// Scan yields the entries with from <= key < to in byte order. A nil to
	// means no upper bound. Writing while scanning is allowed; an entry changed
	// after the scan began may still be yielded as it was.
	Scan(bucket string, from, to []byte) iter.Seq2[Entry, error]
	// Buckets returns the names of all buckets in byte order. What was undone or
	// deleted may leave empty ones.
	Buckets() ([]string, error)
}

// Entry is one key and its value.
type Entry struct{ Key, Value []byte }

// Seek is Get for what need not be there: then it answers false, which is no error.
func Seek(tx Tx, bucket string, key []byte) (value []byte, there bool, err error) {
	value, err = tx.Get(bucket, key)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	return value, err == nil, err
}

// Prefix returns the bounds of a Scan over all keys that begin with p.
func Prefix[S ~string | ~[]byte](p S) (from, to []byte) {
	from, to = []byte(string(p)), []byte(string(p))
	for i := len(to) - 1; i >= 0; i-- {
		if to[i]++; to[i] != 0 {
			return from, to[:i+1]
		}
	}
	return from, nil
}
