package bolt_test

import (
	"encoding/binary"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

const (
	benchCallers = 64
	benchPuts    = 4
)

// BenchmarkUpdate compares the engine with what bbolt offers by itself: 64
// callers, each writing four values of 300 bytes under time-ordered keys.
func BenchmarkUpdate(b *testing.B) {
	b.Run("engine", func(b *testing.B) {
		e := open(b, bolt.Options{})
		callers(b, func(keys [][]byte, value []byte) error {
			return e.Update(b.Context(), func(tx store.Tx) error {
				for _, k := range keys {
					if err := tx.Put("b", k, value); err != nil {
						return err
					}
				}
				return nil
			})
		})
	})
	b.Run("dbUpdate", func(b *testing.B) { plain(b, (*bbolt.DB).Update) })
	b.Run("dbBatch", func(b *testing.B) { plain(b, (*bbolt.DB).Batch) })
}

// plain runs the same load on bbolt itself.
func plain(b *testing.B, update func(*bbolt.DB, func(*bbolt.Tx) error) error) {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "db"), 0o600,
		&bbolt.Options{InitialMmapSize: 16 << 30, FreelistType: bbolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	callers(b, func(keys [][]byte, value []byte) error {
		return update(db, func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("b"))
			if err != nil {
				return err
			}
			for _, k := range keys {
				if err := bucket.Put(k, value); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// callers calls put b.N times from 64 goroutines, each time with fresh keys.
func callers(b *testing.B, put func(keys [][]byte, value []byte) error) {
	var calls, clock atomic.Int64
	value := make([]byte, 300)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range benchCallers {
		wg.Go(func() {
			for calls.Add(1) <= int64(b.N) {
				keys := make([][]byte, benchPuts)
				for i := range keys {
					keys[i] = binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(clock.Add(1)))
				}
				if err := put(keys, value); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
