package push

import (
	"context"
	"fmt"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// Proofs returns the root of a feed's tree of size first, and the proof that it is
// the start of that of size.
func Proofs(ctx context.Context, feeds feedv1.FeedServiceClient, name string, first, size uint64) (root []byte, proof [][]byte, err error) {
	was, err := prove(ctx, feeds, name, first, first)
	if err != nil {
		return nil, nil, err
	}
	proof, err = consistency(ctx, feeds, name, first, size)
	return was.GetRoot(), proof, err
}

func consistency(ctx context.Context, feeds feedv1.FeedServiceClient, name string, first, size uint64) ([][]byte, error) {
	p, err := prove(ctx, feeds, name, first, size)
	return p.GetHashes(), err
}

func prove(ctx context.Context, feeds feedv1.FeedServiceClient, name string, first, size uint64) (*feedv1.Proof, error) {
	p, err := feeds.GetProof(ctx, &feedv1.GetProofRequest{Parent: "feeds/" + name, Size: size, Of: &feedv1.GetProofRequest_First{First: first}})
	if err != nil {
		return nil, fmt.Errorf("proving %s from %d to %d: %w", name, first, size, err)
	}
	return p, nil
}
