package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestACopyIsOneMoment: whatever is written while a store is copied, the copy
// has whole changes, all up to one and none after it.
func TestACopyIsOneMoment(t *testing.T) {
	e := open(t, bolt.Options{MapSize: 1 << 16})
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	begun := make(chan struct{})
	writers.Go(func() { pairs(ctx, e, begun) })
	<-begun
	for i := range 20 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		copyTo(t, e, path)
		counted(t, path)
	}
	stop()
	writers.Wait()
}

// pairs puts two values a time until ctx is done, the same in two buckets.
func pairs(ctx context.Context, e store.Engine, begun chan struct{}) {
	for n := 0; ctx.Err() == nil; n++ {
		_ = e.Update(ctx, func(tx store.Tx) error { // ends with ctx
			key := fmt.Appendf(nil, "%08d", n)
			return errors.Join(tx.Put("a", key, bytes.Repeat(key, 50)), tx.Put("b", key, nil))
		})
		if n == 100 {
			close(begun)
		}
	}
}

func copyTo(t *testing.T, e store.Engine, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bolt.Copy(t.Context(), e, f), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// counted checks that a copy has every pair up to one, and none in part.
func counted(t *testing.T, path string) {
	t.Helper()
	e, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	err = e.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"a", "b"} {
			for row, err := range tx.Scan(bucket, nil, nil) {
				if err != nil || string(row.Key) != fmt.Sprintf("%08d", found[bucket]) {
					return fmt.Errorf("row %d of %s is %q: %w", found[bucket], bucket, row.Key, err)
				}
				found[bucket]++
			}
		}
		return nil
	})
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	if found["a"] != found["b"] || found["a"] < 100 {
		t.Errorf("the copy has %v", found)
	}
}

// TestACopyLeavesTheReserve: what would fill the disk is not begun.
func TestACopyLeavesTheReserve(t *testing.T) {
	e := open(t, bolt.Options{Reserve: 1 << 20, Free: func(string) (uint64, error) { return 1<<20 + 4096, nil }})
	var copied bytes.Buffer
	if err := bolt.Copy(t.Context(), e, &copied); !errors.Is(err, store.ErrFull) || copied.Len() > 0 {
		t.Errorf("Copy = %v with %d bytes, want ErrFull with none", err, copied.Len())
	}
}

// TestACopyEndsWithItsContext: whoever no longer wants it holds nothing back.
func TestACopyEndsWithItsContext(t *testing.T) {
	e := open(t, bolt.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := bolt.Copy(ctx, e, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Copy = %v", err)
	}
}
