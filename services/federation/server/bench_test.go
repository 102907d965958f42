package server_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// batch is how many entries share a commit where that is chosen.
const batch = 256

// fill writes n entries, batch by batch.
func (n *node) fill(count int) {
	n.t.Helper()
	for done := 0; done < count; done += batch {
		n.must(n.engines["rectification"].Update(context.Background(), func(tx store.Tx) error {
			for i := range min(batch, count-done) {
				name := fmt.Sprintf("problems/%d", done+i)
				_, err := n.logs["rectification"].Append(tx, feed.Change{
					Kind: "rectification.problem.created.v1", Subject: name, Rev: 1, Effective: n.now(), Body: problem(name, "墙皮脱落"),
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// BenchmarkGroupCommit is what replication is measured against: entries of one's
// own at the same batch.
func BenchmarkGroupCommit(b *testing.B) {
	n := newNode(b, "510100")
	b.ResetTimer()
	n.fill(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkReplicate sends a backlog upward, every run verified, stored, cosigned.
func BenchmarkReplicate(b *testing.B) {
	upper, lower := newNode(b, "510000"), newNode(b, "510100")
	upper.enrol(lower)
	lower.fill(b.N)
	b.ResetTimer()
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	until(b, upper, uint64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func until(b *testing.B, upper *node, size uint64) {
	for upper.head("510100.rectification").GetSize() < size {
		_ = feed.Pause(b.Context(), time.Millisecond)
	}
}

// BenchmarkLag writes 500 entries a second and measures how long after each
// commit the entry is durable above.
func BenchmarkLag(b *testing.B) {
	upper, lower := newNode(b, "510000"), newNode(b, "510100")
	upper.enrol(lower)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	var lags []time.Duration
	written := make(chan time.Time, 1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		size := uint64(0)
		for at := range written {
			size++
			until(b, upper, size)
			lags = append(lags, time.Since(at))
		}
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for i := range max(b.N, 1000) {
		<-tick.C
		name := fmt.Sprintf("problems/%d", i)
		lower.put("rectification", "rectification.problem.created.v1", name, problem(name, "墙皮脱落"))
		written <- time.Now()
	}
	close(written)
	<-done
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)*99/100].Milliseconds()), "p99-ms")
	b.ReportMetric(float64(lags[len(lags)/2].Milliseconds()), "p50-ms")
}
