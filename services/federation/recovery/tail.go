package recovery

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// What is done in one transaction at most.
const (
	stepEntries = 256
	stepBytes   = 1 << 20
)

var (
	errLost = errors.New("the tail that is lost cannot be taken back")
	errRoot = errors.New("the entries do not lead to what the log has signed")
)

// Taken is what a log got back.
type Taken struct {
	// Entries is how many, and Missing how many commitments of theirs nothing opens
	// any more.
	Entries, Missing int
}

func (t *Taken) add(more Taken) {
	t.Entries, t.Missing = t.Entries+more.Entries, t.Missing+more.Missing
}

// Restore gives the log its tail back, up to size entries, of which cover shows that
// the log has signed them: nobody's word is believed. The log is held meanwhile, and
// goes on afterwards. After an error it stays held, and has what it had or, if the
// tail was taken over in part, more of it; the next try begins with the entry that
// follows. Two at a time MUST NOT run.
func (l Log) Restore(ctx context.Context, size uint64, cover *federationv1.Branch, runs iter.Seq2[[]*feedv1.Record, error]) (Taken, error) {
	if err := federation.CheckBranch(l.VerifierKey(), size, cover); err != nil {
		return Taken{}, fmt.Errorf("%w: that there was more is not shown: %w", errLost, err)
	}
	root, err := federation.Hash(cover.GetRoot())
	if err != nil {
		return Taken{}, err
	}
	l.Hold(fmt.Sprintf("it once had %d entries", size))
	if err := l.fetch(ctx, aim{size, root}, runs); err != nil {
		return Taken{}, errors.Join(err, l.drop(context.WithoutCancel(ctx)))
	}
	taken, err := l.Finish(ctx)
	if err == nil {
		err = l.goOn(ctx)
	}
	return taken, err
}

// Missing says what others here have read of the log and it does not have, "" if nothing.
func (l Log) Missing(ctx context.Context) (what string, err error) {
	if l.Lacks == nil {
		return "", nil
	}
	err = l.Engine.View(ctx, func(tx store.Tx) error {
		size, err := l.Size(tx)
		if err == nil {
			what, err = l.Lacks(tx, size)
		}
		return err
	})
	return what, err
}

// goOn lets the log make entries again, unless others here have read more of it than came
// from above: it stays held then, as they would never follow what it wrote in that place.
func (l Log) goOn(ctx context.Context) error {
	switch missing, err := l.Missing(ctx); {
	case err != nil:
		return err
	case missing != "":
		l.Hold(missing)
		return fmt.Errorf("%w: %s", errLost, missing)
	}
	l.Release()
	return nil
}

// Finish takes over the rest of a tail that had come whole, as when the process ended
// meanwhile, and forgets one that had not. It is for a log that makes no entries, and
// after an error the log MUST make none.
func (l Log) Finish(ctx context.Context) (all Taken, err error) {
	to, err := l.aimed(ctx)
	if err != nil {
		return all, err
	}
	if to == (aim{}) {
		return all, l.drop(ctx)
	}
	for more := true; more; {
		var step Taken
		err := l.Engine.Update(ctx, func(tx store.Tx) (err error) {
			step, more, err = l.step(tx, to)
			return err
		})
		if err != nil {
			return all, fmt.Errorf("taking over what came: %w", err)
		}
		all.add(step)
	}
	return all, nil
}

// aim is what a log comes to with its tail.
type aim struct {
	size uint64
	root tlog.Hash
}

// aimed reads what the log comes to with what is set aside; zero if it is not whole.
func (l Log) aimed(ctx context.Context) (to aim, err error) {
	err = l.Engine.View(ctx, func(tx store.Tx) error {
		b, there, err := store.Seek(tx, feed.MetaBucket, []byte(feed.LostKey))
		if there && len(b) != 8+tlog.HashSize {
			err = fmt.Errorf("%d bytes", len(b))
		}
		if err != nil {
			return fmt.Errorf("reading what the log comes to: %w", err)
		}
		if !there {
			return nil
		}
		to.size = binary.BigEndian.Uint64(b)
		copy(to.root[:], b[8:])
		return nil
	})
	return to, err
}

// step takes over what is set aside, from its start, as much as one transaction
// should. The last one holds the log against the aim.
func (l Log) step(tx store.Tx, to aim) (taken Taken, more bool, err error) {
	run, err := l.next(tx)
	if err != nil {
		return taken, false, err
	}
	entries, raw := make([]*feedv1.Entry, len(run)), make([][]byte, len(run))
	for i, e := range run {
		entries[i], raw[i] = e.entry, e.GetEntry()
	}
	if err := l.Extend(tx, entries, raw); err != nil {
		return taken, false, err
	}
	for _, e := range run {
		if err := errors.Join(l.put(tx, e), tx.Delete(feed.LostBucket, store.Number(e.entry.GetSeq()))); err != nil {
			return taken, false, fmt.Errorf("entry %d: %w", e.entry.GetSeq(), err)
		}
		taken.add(Taken{1, len(e.missing())})
	}
	size, err := l.Size(tx)
	if err != nil || size < to.size && len(run) > 0 {
		return taken, true, err
	}
	return taken, false, l.arrive(tx, to)
}

// next reads the first of what is set aside.
func (l Log) next(tx store.Tx) (run []lost, err error) {
	bytes := 0
	for row, err := range tx.Scan(feed.LostBucket, nil, nil) {
		if err != nil {
			return nil, err
		}
		if bytes += len(row.Value); len(run) > 0 && (bytes > stepBytes || len(run) == stepEntries) {
			break
		}
		r := &feedv1.Record{}
		if err := proto.Unmarshal(row.Value, r); err != nil {
			return nil, fmt.Errorf("reading what is set aside: %w", err)
		}
		e, err := l.read(r)
		if err != nil {
			return nil, err
		}
		run = append(run, e)
	}
	return run, nil
}

// arrive ends it: the log is what it has signed.
func (l Log) arrive(tx store.Tx, to aim) error {
	if got, err := l.Root(tx, to.size); err != nil || got != to.root {
		return errors.Join(errRoot, err)
	}
	if l.Again != nil {
		if err := l.Again.Whole(tx); err != nil {
			return fmt.Errorf("what the role kept of the tail: %w", err)
		}
	}
	return errors.Join(tx.Delete(feed.MetaBucket, []byte(feed.LostKey)), tx.Delete(feed.MetaBucket, []byte(feed.AnewKey)))
}
