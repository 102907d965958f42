package feed

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// Size returns the number of entries.
func (l *Log) Size(tx store.Tx) (uint64, error) {
	h, err := readHead(tx)
	return h.size, err
}

// Records returns the entries from start on in their order: at most max, and
// not more than MaxRun bytes of them. None is no error.
func (l *Log) Records(tx store.Tx, start uint64, max int) ([]*feedv1.Record, error) {
	var run []*feedv1.Record
	room := MaxRun
	if max <= 0 {
		return nil, nil
	}
	for row, err := range tx.Scan(EntriesBucket, store.Number(start), nil) {
		if err != nil {
			return nil, fmt.Errorf("reading entries from %d: %w", start, err)
		}
		if room -= len(row.Value); room < 0 {
			break
		}
		run = append(run, &feedv1.Record{Seq: binary.BigEndian.Uint64(row.Key), Entry: row.Value})
		if len(run) == max {
			break
		}
	}
	return run, nil
}

// Newest returns the newest entry of a subject, or nil if there is none.
func (l *Log) Newest(tx store.Tx, subject string) (*feedv1.Entry, error) {
	t, err := readTail(tx, subject)
	if err != nil || t.rev == 0 {
		return nil, err
	}
	return entryAt(tx, t.seq)
}

func entryAt(tx store.Tx, seq uint64) (*feedv1.Entry, error) {
	b, err := tx.Get(EntriesBucket, store.Number(seq))
	if err != nil {
		return nil, fmt.Errorf("reading entry %d: %w", seq, err)
	}
	e := &feedv1.Entry{}
	if err := proto.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("decoding entry %d: %w", seq, err)
	}
	return e, nil
}

// Gone says whether the log has noted that it got an entry of the subject back from above
// without all that opens it. It looks at every such note, of which there are few or none.
func (l *Log) Gone(tx store.Tx, subject string) (bool, error) {
	for row, err := range tx.Scan(GoneBucket, nil, nil) {
		if err != nil {
			return false, fmt.Errorf("reading what is gone: %w", err)
		}
		e, err := entryAt(tx, binary.BigEndian.Uint64(row.Key))
		if err != nil || e.GetSubject() == subject {
			return err == nil, err
		}
	}
	return false, nil
}

// Root returns the root of the tree of that size, or ErrRange.
func (l *Log) Root(tx store.Tx, size uint64) (tlog.Hash, error) {
	if err := l.within(tx, size); err != nil {
		return tlog.Hash{}, err
	}
	return tlog.TreeHash(int64(size), hashes{tx})
}

// Inclusion proves that the entry seq is in the tree of that size. It answers
// ErrRange if it is not, or if the log is smaller.
func (l *Log) Inclusion(tx store.Tx, seq, size uint64) ([]tlog.Hash, error) {
	if err := l.within(tx, size); err != nil {
		return nil, err
	}
	if seq >= size {
		return nil, fmt.Errorf("%w: entry %d in a tree of %d", ErrRange, seq, size)
	}
	return tlog.ProveRecord(int64(size), int64(seq), hashes{tx})
}

// Consistency proves that the tree of size first is the start of the tree of
// size; that the empty tree is needs no hashes. It answers ErrRange if first is
// more than size, or if the log is smaller.
func (l *Log) Consistency(tx store.Tx, first, size uint64) ([]tlog.Hash, error) {
	if err := l.within(tx, size); err != nil {
		return nil, err
	}
	switch {
	case first > size:
		return nil, fmt.Errorf("%w: a tree of %d in a tree of %d", ErrRange, first, size)
	case first == 0:
		return nil, nil
	}
	return tlog.ProveTree(int64(size), int64(first), hashes{tx})
}

// Opening returns what opens the commitment of the entry seq under label, or
// store.ErrNotFound if there is none, or none any more.
func (l *Log) Opening(tx store.Tx, seq uint64, label string) (*feedv1.Opening, error) {
	b, err := tx.Get(OpeningsBucket, openingKey(seq, label))
	if err != nil {
		return nil, err
	}
	o := &feedv1.Opening{}
	if err := proto.Unmarshal(b, o); err != nil {
		return nil, fmt.Errorf("decoding the opening %s of entry %d: %w", label, seq, err)
	}
	return o, nil
}

// Open adds to the records what opens their commitments under label, as far as
// it is here.
func (l *Log) Open(tx store.Tx, run []*feedv1.Record, label string) error {
	if len(run) == 0 {
		return nil
	}
	first, past := run[0].GetSeq(), run[len(run)-1].GetSeq()+1
	for row, err := range tx.Scan(OpeningsBucket, store.Number(first), store.Number(past)) {
		if err != nil {
			return fmt.Errorf("reading openings from %d: %w", first, err)
		}
		if string(row.Key[8:]) != label {
			continue
		}
		o := &feedv1.Opening{}
		if err := proto.Unmarshal(row.Value, o); err != nil {
			return fmt.Errorf("decoding an opening: %w", err)
		}
		record := run[binary.BigEndian.Uint64(row.Key)-first]
		record.Openings = append(record.Openings, &feedv1.OpenedCommitment{Label: label, Opening: o})
	}
	return nil
}

func (l *Log) within(tx store.Tx, size uint64) error {
	n, err := l.Size(tx)
	if err != nil {
		return err
	}
	if size > n {
		return fmt.Errorf("%w: a tree of %d in a log of %d", ErrRange, size, n)
	}
	return nil
}
