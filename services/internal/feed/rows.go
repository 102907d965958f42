package feed

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/duban-project/duban/services/internal/store"
)

// The buckets of a log and what is in them. All numbers are big-endian; a seq
// is eight bytes. Package fsck reads them with code of its own.
const (
	// EntriesBucket has seq → the bytes of the entry, as hashed.
	EntriesBucket = "feed.entries"
	// HashesBucket has seq → the hashes that the entry completed: its leaf, then
	// the inner nodes from below, 32 bytes each.
	HashesBucket = "feed.hashes"
	// MetaBucket has HeadKey, CheckpointKey, LostKey and AnewKey.
	MetaBucket = "feed.meta"
	// IDsBucket has the entry's id → seq.
	IDsBucket = "feed.ids"
	// SubjectsBucket has the resource name → rev, seq and leaf hash of its
	// newest entry.
	SubjectsBucket = "feed.subjects"
	// OpeningsBucket has seq and label → the bytes of the Opening. By digest it
	// would be a random key: at 150,000 entries that halved the rate.
	OpeningsBucket = "feed.openings"

	// LostBucket has seq → the Record of an entry that the log has lost and will
	// take over once all of them are there, which LostKey says. Package recovery
	// writes it.
	LostBucket = "feed.lost"
	// GoneBucket has seq and label → the log's signature of that it took the entry back
	// from above without what opens that commitment. Package recovery writes it.
	GoneBucket = "feed.gone"

	// HeadKey leads to the number of entries and the newest entry's time, in
	// nanoseconds since 1970.
	HeadKey = "head"
	// CheckpointKey leads to the newest signed note.
	CheckpointKey = "checkpoint"
	// LostKey leads to the size and the root that the log comes to with what is in
	// LostBucket, while that is whole and not taken over yet.
	LostKey = "lost"
	// AnewKey is there if the store was made when others of its installation had entries:
	// what the log had before is lost. It goes when its tail comes back, or with an era.
	AnewKey = "anew"
)

// head is what the next entry must know of the log.
type head struct {
	size uint64
	at   time.Time // of the newest entry; zero while there is none
}

func readHead(tx store.Tx) (head, error) {
	b, there, err := store.Seek(tx, MetaBucket, []byte(HeadKey))
	switch {
	case err != nil:
		return head{}, fmt.Errorf("reading the log's head: %w", err)
	case !there:
		return head{}, nil
	case len(b) != 16:
		return head{}, fmt.Errorf("the log's head has %d bytes", len(b))
	}
	nanos := int64(binary.BigEndian.Uint64(b[8:]))
	return head{binary.BigEndian.Uint64(b), time.Unix(0, nanos).UTC()}, nil
}

func (h head) put(tx store.Tx) error {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), h.size)
	b = binary.BigEndian.AppendUint64(b, uint64(h.at.UnixNano()))
	return tx.Put(MetaBucket, []byte(HeadKey), b)
}

// tail is a subject's newest entry; its zero value is a subject without any.
type tail struct {
	rev, seq uint64
	leaf     tlog.Hash
}

func readTail(tx store.Tx, subject string) (tail, error) {
	b, there, err := store.Seek(tx, SubjectsBucket, []byte(subject))
	switch {
	case err != nil:
		return tail{}, fmt.Errorf("reading the chain of %s: %w", subject, err)
	case !there:
		return tail{}, nil
	case len(b) != 16+tlog.HashSize:
		return tail{}, fmt.Errorf("the chain of %s has %d bytes", subject, len(b))
	}
	t := tail{rev: binary.BigEndian.Uint64(b), seq: binary.BigEndian.Uint64(b[8:])}
	copy(t.leaf[:], b[16:])
	return t, nil
}

func (t tail) put(tx store.Tx, subject string) error {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16+tlog.HashSize), t.rev)
	b = binary.BigEndian.AppendUint64(b, t.seq)
	return tx.Put(SubjectsBucket, []byte(subject), append(b, t.leaf[:]...))
}

// prev is what the subject's next entry says about this one.
func (t tail) prev() []byte {
	if t.rev == 0 {
		return nil
	}
	return t.leaf[:]
}

func openingKey(seq uint64, label string) []byte {
	return append(store.Number(seq), label...)
}

// hashes reads the tree's stored nodes within a transaction.
type hashes struct{ tx store.Tx }

// ReadHashes implements tlog.HashReader. A node stands with the last of the
// entries below it, at its level's place.
func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		seq := uint64(n+1)<<level - 1
		b, err := h.tx.Get(HashesBucket, store.Number(seq))
		if err != nil {
			return nil, fmt.Errorf("reading the hashes of entry %d: %w", seq, err)
		}
		if len(b) < (level+1)*tlog.HashSize {
			return nil, fmt.Errorf("entry %d has no hash of level %d", seq, level)
		}
		copy(found[i][:], b[level*tlog.HashSize:])
	}
	return found, nil
}

// grow stores the hashes that the leaf of seq completes.
func (h hashes) grow(seq uint64, leaf tlog.Hash) error {
	b, err := h.completed(seq, leaf)
	if err != nil {
		return fmt.Errorf("growing the tree: %w", err)
	}
	return h.tx.Put(HashesBucket, store.Number(seq), b)
}

// completed is what stands in HashesBucket with seq.
func (h hashes) completed(seq uint64, leaf tlog.Hash) ([]byte, error) {
	nodes, err := tlog.StoredHashesForRecordHash(int64(seq), leaf, h)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(nodes)*tlog.HashSize)
	for _, node := range nodes {
		b = append(b, node[:]...)
	}
	return b, nil
}
