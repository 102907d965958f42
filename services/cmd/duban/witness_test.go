package main

import (
	"context"
	"crypto/sha256"
	"testing"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// witness remembers the largest checkpoint that it saw of each feed, as an upper
// installation does, and checks what is shown to it later against that.
type witness struct {
	seen map[string]*feedv1.Checkpoint // by feeds/{service}
}

// watch looks at the feeds until a call goes wrong.
func (w *witness) watch(ctx context.Context, feed feedv1.FeedServiceClient) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			for name, old := range w.seen {
				cp, err := feed.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: name})
				if err != nil {
					return
				}
				if cp.GetSize() >= old.GetSize() {
					w.seen[name] = cp
				}
			}
		}
	}()
	return done
}

// verify checks that each feed is still what was seen of it, and perhaps more.
func (w *witness) verify(t *testing.T, feed feedv1.FeedServiceClient) {
	t.Helper()
	for name, old := range w.seen {
		cp, err := feed.GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		signed := opened(t, cp, old)
		if signed.Size < old.GetSize() {
			t.Errorf("%s went back from %d entries to %d", name, old.GetSize(), signed.Size)
			continue
		}
		if old.GetSize() > 0 {
			consistent(t, feed, old, signed)
		}
		w.seen[name] = cp
	}
}

// opened verifies the note of a checkpoint by the key that was seen before.
func opened(t *testing.T, cp, old *feedv1.Checkpoint) *formats.Checkpoint {
	t.Helper()
	if old.GetVerifierKey() != "" && cp.GetVerifierKey() != old.GetVerifierKey() {
		t.Errorf("%s has another key than before", cp.GetName())
	}
	verifier, err := note.NewVerifier(cp.GetVerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	signed, _, _, err := formats.ParseCheckpoint([]byte(cp.GetNote()), cp.GetOrigin(), verifier)
	if err != nil {
		t.Fatalf("the checkpoint of %s: %v", cp.GetName(), err)
	}
	return signed
}

// consistent checks that the tree that was seen is the start of what is signed.
func consistent(t *testing.T, feed feedv1.FeedServiceClient, old *feedv1.Checkpoint, signed *formats.Checkpoint) {
	t.Helper()
	answer, err := feed.GetProof(t.Context(), &feedv1.GetProofRequest{
		Parent: old.GetName(), Size: signed.Size, Of: &feedv1.GetProofRequest_First{First: old.GetSize()},
	})
	if err != nil {
		t.Fatal(err)
	}
	var proof tlog.TreeProof
	for _, h := range answer.GetHashes() {
		proof = append(proof, hash(h))
	}
	if err := tlog.CheckTree(proof, int64(signed.Size), hash(signed.Hash), int64(old.GetSize()), hash(old.GetRoot())); err != nil {
		t.Errorf("%s: the tree of %d is not the start of that of %d: %v", old.GetName(), old.GetSize(), signed.Size, err)
	}
}

func hash(b []byte) (h tlog.Hash) {
	if len(b) == sha256.Size {
		copy(h[:], b)
	}
	return h
}

// clean checks the data of a duban that does not run, and returns the names of
// its feeds.
func clean(t *testing.T, c suite.Config) (feeds []string) {
	t.Helper()
	_, err := upkeep.Fsck(t.Context(), c, func(role string, r fsck.Report) {
		feeds = append(feeds, "feeds/"+role)
		if r.Wrong > 0 {
			t.Errorf("fsck of %s: %d findings, the first %+v", role, r.Wrong, r.First)
		}
	})
	if err != nil {
		t.Fatalf("fsck: %v", err)
	}
	return feeds
}
