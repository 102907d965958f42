package feed_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// root is the tree hash as RFC 6962, section 2.1, defines it.
func root(leaves [][]byte) []byte {
	switch len(leaves) {
	case 0:
		return rfc6962.DefaultHasher.EmptyRoot()
	case 1:
		return rfc6962.DefaultHasher.HashLeaf(leaves[0])
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return rfc6962.DefaultHasher.HashChildren(root(leaves[:k]), root(leaves[k:]))
}

// TestProofsConvinceAnother gives every proof of every size up to 300 to another
// implementation.
func TestProofsConvinceAnother(t *testing.T) {
	const n = 300
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error {
		for i := range n {
			if err := f.Write(tx, feedtest.Problem, fmt.Sprint("problems/", i%7), problem(fmt.Sprint(i))); err != nil {
				return err
			}
		}
		return nil
	})
	raw, _ := entries(t, f)
	var leaves, roots [][]byte
	for size := range n + 1 {
		roots = append(roots, root(raw[:size]))
	}
	for _, b := range raw {
		leaves = append(leaves, rfc6962.DefaultHasher.HashLeaf(b))
	}
	f.View(t, func(tx store.Tx) error {
		for size := range uint64(n + 1) {
			want := roots[size]
			if got, err := f.Log.Root(tx, size); err != nil || !bytes.Equal(got[:], want) {
				t.Fatalf("root of %d: got %v, %v, want %x", size, got, err, want)
			}
			for k := range size {
				p, err := f.Log.Inclusion(tx, k, size)
				if err == nil {
					err = proof.VerifyInclusion(rfc6962.DefaultHasher, k, size, leaves[k], list(p), want)
				}
				if err != nil {
					t.Fatalf("entry %d in %d: %v", k, size, err)
				}
			}
			for first := range size + 1 {
				p, err := f.Log.Consistency(tx, first, size)
				if err == nil {
					err = proof.VerifyConsistency(rfc6962.DefaultHasher, first, size, list(p), roots[first], want)
				}
				if err != nil {
					t.Fatalf("%d in %d: %v", first, size, err)
				}
			}
		}
		return nil
	})
}

func list(hashes []tlog.Hash) (out [][]byte) {
	for i := range hashes {
		out = append(out, hashes[i][:])
	}
	return out
}

func TestProofsEndWithTheLog(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	f.View(t, func(tx store.Tx) error {
		_, root := f.Log.Root(tx, 2)
		_, size := f.Log.Inclusion(tx, 0, 2)
		_, seq := f.Log.Inclusion(tx, 1, 1)
		_, first := f.Log.Consistency(tx, 2, 1)
		_, huge := f.Log.Consistency(tx, 0, 1<<63)
		for i, err := range []error{root, size, seq, first, huge} {
			if !errors.Is(err, feed.ErrRange) {
				t.Errorf("case %d: got %v", i, err)
			}
		}
		return nil
	})
}

func TestCheckpoint(t *testing.T) {
	f := feedtest.Open(t)
	verifier, err := note.NewVerifier(f.Log.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for size := range uint64(5) {
		var cp *feedv1.Checkpoint
		f.View(t, func(tx store.Tx) (err error) {
			cp, err = f.Log.Checkpoint(tx)
			return err
		})
		raw, _ := entries(t, f)
		read, rest, n, err := formats.ParseCheckpoint([]byte(cp.GetNote()), feedtest.Origin, verifier)
		if err != nil || len(rest) > 0 || len(n.Sigs) != 1 {
			t.Fatalf("at %d: %v, extensions %q", size, err, rest)
		}
		if read.Size != size || !bytes.Equal(read.Hash, root(raw)) || cp.GetSize() != size || !bytes.Equal(cp.GetRoot(), root(raw)) {
			t.Errorf("at %d: got %v", size, cp)
		}
		if cp.GetName() != "feeds/test" || cp.GetOrigin() != feedtest.Origin || (cp.GetAt() == nil) != (size == 0) {
			t.Errorf("at %d: got %v", size, cp)
		}
		f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	}
}

func TestSealLeavesAnUnchangedLogAlone(t *testing.T) {
	f := feedtest.Open(t)
	put := func(tx store.Tx) error { return tx.Put("other", []byte("k"), nil) }
	f.Update(t, put)
	if got := dump(t, f); len(got) > 0 {
		t.Errorf("an empty log holds %q", got)
	}
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	before := dump(t, f)
	f.Update(t, put)
	if diff := cmp.Diff(before, dump(t, f)); diff != "" {
		t.Errorf("the log differs:\n%s", diff)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error {
		for range 6 {
			if err := f.Write(tx, feedtest.Problem, one, problem(strings.Repeat("x", 250<<10))); err != nil {
				return err
			}
		}
		return nil
	})
	f.View(t, func(tx store.Tx) error {
		for _, tt := range []struct {
			start     uint64
			max, want int
		}{{0, 100, 4}, {0, 2, 2}, {4, 100, 2}, {5, 0, 0}, {6, 10, 0}, {1 << 62, 10, 0}} {
			run, err := f.Log.Records(tx, tt.start, tt.max)
			if err != nil || len(run) != tt.want {
				t.Errorf("%+v: got %d records, %v", tt, len(run), err)
			}
			for i, r := range run {
				if r.GetSeq() != tt.start+uint64(i) {
					t.Errorf("%+v: record %d is entry %d", tt, i, r.GetSeq())
				}
			}
		}
		return nil
	})
}
