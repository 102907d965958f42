package replication

import (
	"strings"
	"testing"

	"github.com/duban-project/duban/services/cmd/bench/bare"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// What the engine alone puts is all that the upper installation stores of the
// entries, as many of them in a transaction as are pushed at once.
func TestTheEngineAlonePutsWhatIsStored(t *testing.T) {
	const batches = 3
	recorded, err := Record(t.Context(), batches*Batch)
	if err != nil {
		t.Fatal(err)
	}
	e, err := bare.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	sizes := []int{0}
	for _, u := range recorded {
		if err := e.Put(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, e, feed.EntriesBucket); n > sizes[len(sizes)-1] {
			sizes = append(sizes, n)
		}
	}
	if len(sizes) != batches+1 || sizes[1] != Batch || sizes[batches] != batches*Batch {
		t.Errorf("after each transaction that put entries there are %v of them", sizes)
	}
	for _, bucket := range []string{feed.HashesBucket, feed.IDsBucket, feed.SubjectsBucket, feed.OpeningsBucket} {
		if n := rows(t, e, bucket); n < batches*Batch {
			t.Errorf("%s has %d rows for %d entries", bucket, n, batches*Batch)
		}
	}
	if rows(t, e, "cosigned") == 0 {
		t.Error("no cosignature was put")
	}
}

// rows counts what the buckets of that name have, of all mirrors.
func rows(t *testing.T, e store.Engine, name string) (n int) {
	t.Helper()
	err := e.View(t.Context(), func(tx store.Tx) error {
		buckets, err := tx.Buckets()
		for _, bucket := range buckets {
			if !strings.HasPrefix(bucket, "mirror/") || !strings.HasSuffix(bucket, name) {
				continue
			}
			for _, err := range tx.Scan(bucket, nil, nil) {
				if err != nil {
					return err
				}
				n++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
