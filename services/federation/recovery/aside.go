package recovery

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// What comes of a tail lies beside the log, where nothing reads it, until all of it is there.

// fetch sets the runs aside, and notes that they are whole if they lead there.
func (l Log) fetch(ctx context.Context, to aim, runs iter.Seq2[[]*feedv1.Record, error]) error {
	grown, err := l.begin(ctx)
	if err != nil {
		return err
	}
	for run, err := range runs {
		if err == nil {
			err = l.Engine.Update(ctx, func(tx store.Tx) error { return l.setAside(tx, grown, to.size, run) })
		}
		if err != nil {
			return err
		}
		for _, r := range run {
			grown.add(tlog.RecordHash(r.GetEntry()))
		}
	}
	if grown.size != to.size || grown.root() != to.root {
		return errRoot
	}
	return l.Engine.Update(ctx, func(tx store.Tx) error {
		return tx.Put(feed.MetaBucket, []byte(feed.LostKey), append(store.Number(to.size), to.root[:]...))
	})
}

// begin forgets what came before, and answers the tree as the log has it.
func (l Log) begin(ctx context.Context) (grown *tree, err error) {
	if err := l.drop(ctx); err != nil {
		return nil, err
	}
	err = l.Engine.View(ctx, func(tx store.Tx) error {
		size, err := l.Size(tx)
		if err == nil {
			grown, err = newTree(size, l.Nodes(tx))
		}
		return err
	})
	return grown, err
}

// setAside keeps a run where nothing reads it; grown is the tree before it.
func (l Log) setAside(tx store.Tx, grown *tree, size uint64, run []*feedv1.Record) error {
	for i, r := range run {
		e, err := l.read(r)
		if err != nil {
			return err
		}
		seq := grown.size + uint64(i)
		if e.entry.GetSeq() != seq || seq >= size {
			return fmt.Errorf("%w: entry %d came in place of %d", errLost, e.entry.GetSeq(), seq)
		}
		b, err := proto.Marshal(r)
		if err != nil {
			return fmt.Errorf("encoding entry %d: %w", seq, err)
		}
		if err := tx.Put(feed.LostBucket, store.Number(seq), b); err != nil {
			return err
		}
	}
	return nil
}

// drop forgets what is set aside, and writes nothing where nothing is.
func (l Log) drop(ctx context.Context) error {
	more := false
	err := l.Engine.View(ctx, func(tx store.Tx) (err error) {
		more, err = l.aside(tx)
		return err
	})
	for err == nil && more {
		err = l.Engine.Update(ctx, func(tx store.Tx) (err error) {
			more, err = dropSome(tx)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("forgetting what came of the tail: %w", err)
	}
	return nil
}

// aside says whether anything is set aside.
func (l Log) aside(tx store.Tx) (bool, error) {
	for _, err := range tx.Scan(feed.LostBucket, nil, nil) {
		return err == nil, err
	}
	return false, nil
}

func dropSome(tx store.Tx) (more bool, err error) {
	if err := tx.Delete(feed.MetaBucket, []byte(feed.LostKey)); err != nil {
		return false, err
	}
	dropped := 0
	for row, err := range tx.Scan(feed.LostBucket, nil, nil) {
		if err != nil || dropped == stepEntries {
			return err == nil, err
		}
		if err := tx.Delete(feed.LostBucket, row.Key); err != nil {
			return false, err
		}
		dropped++
	}
	return false, nil
}
