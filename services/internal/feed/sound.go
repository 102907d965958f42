package feed

import (
	"bytes"
	"errors"
	"fmt"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// Recent is how many of the newest entries Sound reads.
const Recent = 64

// ErrUnsound says that a log is not what was signed of it, or not by its key.
var ErrUnsound = errors.New("feed: the log is not what was signed")

// Sound answers ErrUnsound unless the log is, as far as its end shows, what its
// own key has signed: the note, the root that the stored hashes lead to, the
// number of entries, the Recent newest entries with every hash that they
// complete, and that nothing else waits in its tail's place. What lies before is believed; package fsck checks it. Whoever opens a
// log to write MUST ask before anything is signed.
func (l *Log) Sound(tx store.Tx) error {
	if err := l.sound(tx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	return nil
}

func (l *Log) sound(tx store.Tx) error {
	h, err := readHead(tx)
	if err != nil {
		return err
	}
	cp, err := l.proven(tx)
	if err != nil {
		return err
	}
	if h.size != cp.Size {
		return fmt.Errorf("it has %d entries, and %d are signed", h.size, cp.Size)
	}
	for row, err := range tx.Scan(EntriesBucket, store.Number(h.size), nil) {
		return errors.Join(err, fmt.Errorf("an entry %x stands behind its end", row.Key))
	}
	if err := waiting(tx, h.size); err != nil {
		return err
	}
	if h.size == 0 {
		return nil
	}
	root, err := tlog.TreeHash(int64(h.size), hashes{tx})
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], cp.Hash) {
		return fmt.Errorf("the root of its %d entries is not the one that is signed", h.size)
	}
	return recent(tx, h.size)
}

// waiting refuses in LostBucket whatever is not the tail, or the start of it, of a log of that size.
func waiting(tx store.Tx, size uint64) error {
	for row, err := range tx.Scan(LostBucket, nil, nil) {
		if err != nil {
			return fmt.Errorf("reading %s: %w", LostBucket, err)
		}
		r, e := &feedv1.Record{}, &feedv1.Entry{}
		if err = proto.Unmarshal(row.Value, r); err == nil {
			err = proto.Unmarshal(r.GetEntry(), e)
		}
		if err != nil || len(e.GetId()) == 0 || e.GetSeq() != size || !bytes.Equal(row.Key, store.Number(size)) {
			return fmt.Errorf("%s is damaged: what it has under %x is not entry %d, which the log lacks", LostBucket, row.Key, size)
		}
		size++
	}
	return nil
}

// proven reads the newest note and verifies it; that of an empty log is not stored.
func (l *Log) proven(tx store.Tx) (cp formats.Checkpoint, err error) {
	text, there, err := store.Seek(tx, MetaBucket, []byte(CheckpointKey))
	if err != nil || !there {
		return cp, err
	}
	read, rest, _, err := formats.ParseCheckpoint(text, l.config.Origin, l.signer)
	switch {
	case err != nil:
		return cp, fmt.Errorf("the key that is here has not signed its checkpoint: it is another installation's, or the checkpoint was changed: %w", err)
	case len(rest) > 0:
		return cp, errors.New("the checkpoint has extension lines")
	}
	return *read, nil
}

// recent makes the hashes of the newest entries anew. Every node above one of them
// stands with one of them or leads to the root.
func recent(tx store.Tx, size uint64) error {
	for seq := size - min(size, Recent); seq < size; seq++ {
		entry, err := tx.Get(EntriesBucket, store.Number(seq))
		if err != nil {
			return fmt.Errorf("reading entry %d: %w", seq, err)
		}
		want, err := hashes{tx}.completed(seq, tlog.RecordHash(entry))
		if err != nil {
			return err
		}
		got, err := tx.Get(HashesBucket, store.Number(seq))
		if err != nil {
			return fmt.Errorf("reading the hashes of entry %d: %w", seq, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("entry %d does not have the hashes that stand with it", seq)
		}
	}
	return nil
}
