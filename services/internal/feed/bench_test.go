package feed_test

import (
	"fmt"
	"iter"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// BenchmarkAppend appends entries with two commitments, in callers that share a
// commit and in one caller that appends them all.
func BenchmarkAppend(b *testing.B) {
	for _, group := range []int{1, 64, 256} {
		b.Run(fmt.Sprint("callers=", group), func(b *testing.B) { benchmark(b, group, 1) })
	}
	for _, group := range []int{64, 256} {
		b.Run(fmt.Sprint("entries=", group), func(b *testing.B) { benchmark(b, 1, group) })
	}
}

func benchmark(b *testing.B, callers, each int) {
	f := feedtest.Open(b)
	body := problem("the roof of the gymnasium lets water in")
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var wg sync.WaitGroup
		for range callers {
			from := n
			n += each
			wg.Go(func() {
				f.Update(b, func(tx store.Tx) error { return appendAll(f, tx, from, each, body) })
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkCode is what Next and Append cost without an engine.
func BenchmarkCode(b *testing.B) {
	f := feedtest.Open(b)
	body := problem("the roof of the gymnasium lets water in")
	tx := memory{}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := appendAll(f, tx, n, 1, body); err != nil {
			b.Fatal(err)
		}
	}
}

// memory keeps bytes in a map, for want of anything cheaper.
type memory map[string][]byte

func (m memory) Get(bucket string, key []byte) ([]byte, error) {
	if v, ok := m[bucket+string(key)]; ok {
		return v, nil
	}
	return nil, store.ErrNotFound
}

func (m memory) Put(bucket string, key, value []byte) error {
	m[bucket+string(key)] = value
	return nil
}

func (m memory) Delete(bucket string, key []byte) error {
	delete(m, bucket+string(key))
	return nil
}

func (m memory) Scan(string, []byte, []byte) iter.Seq2[store.Entry, error] {
	return func(func(store.Entry, error) bool) {}
}

func (m memory) Buckets() ([]string, error) { return nil, nil }

// appendAll appends n entries, half of them about new subjects.
func appendAll(f *feedtest.Fixture, tx store.Tx, from, n int, body proto.Message) error {
	for i := range n {
		subject := fmt.Sprint("problems/", (from+i)/2)
		rev, err := f.Log.Next(tx, subject)
		if err != nil {
			return err
		}
		if _, err := f.Log.Append(tx, feed.Change{
			Kind: "test.problem.changed.v1", Subject: subject, Rev: rev, Effective: f.Now, Body: body,
		}); err != nil {
			return err
		}
	}
	return nil
}
