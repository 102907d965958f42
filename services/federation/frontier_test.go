package federation_test

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/duban-project/duban/services/federation"
)

// TestAFrontierProvesWhatCameBefore compares it, for every size of a head, of what
// is known of it and of what is asked, with proofs made from the whole tree.
func TestAFrontierProvesWhatCameBefore(t *testing.T) {
	const most = 33
	whole := newLog("edu.example/510100/rectification/1", most)
	for size := int64(1); size <= most; size++ {
		h := whole.head(size)
		for end := int64(1); end <= size; end++ {
			known := newLog("edu.example/510100/rectification/1", int(end)) // and nothing beyond
			f, err := federation.NewFrontier(h, uint64(end), known, whole.proof(end, size))
			if err != nil {
				t.Fatalf("%d in %d: %v", end, size, err)
			}
			for at := int64(1); at <= end; at++ {
				root, proof, err := f.At(uint64(at))
				if err != nil || root != whole.root(at) || !slices.Equal(proof, whole.proof(at, size)) {
					t.Fatalf("%d, by %d in %d: %v, %v", at, end, size, proof, err)
				}
			}
		}
	}
}

func TestAFrontierNeedsAProof(t *testing.T) {
	a, b := newLog("edu.example/510100/rectification/1", 20), newLog("edu.example/510100/rectification/1", 5)
	b.add("another")
	for what, proof := range map[string][]tlog.Hash{"the proof": a.proof(6, 20), "none": nil} {
		if _, err := federation.NewFrontier(a.head(20), 6, b, proof); !errors.Is(err, federation.ErrProof) {
			t.Errorf("another tree by %s: %v", what, err)
		}
	}
	f, err := federation.NewFrontier(a.head(20), 6, a, a.proof(6, 20))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.At(7); !errors.Is(err, federation.ErrProof) {
		t.Errorf("beyond what is known: %v", err)
	}
}
