package own

import (
	"context"
	"fmt"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/store"
)

// Receipt proves that an entry of the feed, such as feeds/rectification, is in its
// log: beneath the newest checkpoint that the installation above has cosigned if
// that has the entry, else beneath one's own. What is not there is authz.ErrNotFound.
func (l Logs) Receipt(ctx context.Context, feed string, seq uint64) (*federationv1.Evidence, error) {
	cp, err := l.Feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: feed})
	if err != nil {
		return nil, err
	}
	above, err := l.newest(ctx, cp)
	if err != nil {
		return nil, err
	}
	size, text := cp.GetSize(), cp.GetNote()
	if seq < above.Size && above.Size <= size {
		size, text = above.Size, above.Note
	}
	proof, err := l.Feeds.GetProof(ctx, &feedv1.GetProofRequest{Parent: feed, Size: size, Of: &feedv1.GetProofRequest_Seq{Seq: seq}})
	if err != nil {
		return nil, err
	}
	run, err := l.Feeds.ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: feed, Start: seq, PageSize: 1})
	if err != nil {
		return nil, err
	}
	if len(run.GetRecords()) == 0 {
		return nil, authz.ErrNotFound
	}
	return &federationv1.Evidence{Origin: cp.GetOrigin(), Of: &federationv1.Evidence_Receipt{Receipt: &federationv1.Receipt{
		Record: run.GetRecords()[0], Inclusion: proof.GetHashes(), Note: text,
	}}}, nil
}

// newest is the newest head of an own log that the installation above has cosigned;
// zero if there is none.
func (l Logs) newest(ctx context.Context, cp *feedv1.Checkpoint) (head federation.Head, err error) {
	err = l.Store.View(ctx, func(tx store.Tx) error {
		note, there, err := store.Seek(tx, Bucket, []byte(cp.GetOrigin()))
		if err != nil {
			return fmt.Errorf("reading what is cosigned of %s: %w", cp.GetName(), err)
		}
		if !there {
			return nil
		}
		head, err = federation.OpenHead(cp.GetVerifierKey(), string(note))
		return err
	})
	return head, err
}
