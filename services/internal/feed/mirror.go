package feed

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

var (
	// ErrEntry says that an entry breaks the rules of a log.
	ErrEntry = errors.New("feed: no entry of a log")

	errMirror = errors.New("feed: a mirror makes no entries of its own")
)

// NewMirror returns the copy of another installation's log, which is read like
// any log and grows by Extend alone. Name is that of its feed, such as
// "510104.rectification"; key verifies its checkpoints, in note format, and is
// named by the log's origin.
func NewMirror(name, key string) (*Log, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("reading the verifier key of %s: %w", name, err)
	}
	return &Log{
		config: Config{Name: name, Origin: verifier.Name()}, verifier: key,
		bell: bell{rung: make(chan struct{})},
	}, nil
}

// Extend adds entries that another installation made, byte for byte. It answers
// ErrEntry unless each follows the one before: in number, in time, and in its
// subject's chain, under an id of its own. Whether they are what that
// installation signed is for the caller to find out, by the Root that comes of
// them. After an error the caller MUST end its transaction with one.
func (l *Log) Extend(tx store.Tx, run []*feedv1.Entry, raw [][]byte) error {
	h, err := readHead(tx)
	if err != nil {
		return err
	}
	for i, e := range run {
		if err := follows(tx, h, e); err != nil {
			return fmt.Errorf("entry %d: %w", h.size, err)
		}
		h.at = e.GetAt().AsTime()
		if _, err := keep(tx, h, e, raw[i]); err != nil {
			return fmt.Errorf("entry %d: %w", h.size, err)
		}
		h.size++
	}
	return h.put(tx)
}

// follows says whether e may stand after the head.
func follows(tx store.Tx, h head, e *feedv1.Entry) error {
	t, err := readTail(tx, e.GetSubject())
	if err != nil {
		return err
	}
	if err := untaken(tx, e.GetId()); err != nil {
		return fmt.Errorf("%w: %w", ErrEntry, err)
	}
	switch {
	case e.GetSeq() != h.size:
		return fmt.Errorf("%w: it says it is %d", ErrEntry, e.GetSeq())
	case e.GetAt().AsTime().Before(h.at):
		return fmt.Errorf("%w: it is older than the one before", ErrEntry)
	case e.GetRev() != t.rev+1 || !bytes.Equal(e.GetPrev(), t.prev()):
		return fmt.Errorf("%w: it does not follow its subject's entry before", ErrEntry)
	}
	return nil
}

// KeepOpening stores what opens a commitment of the entry seq. It answers
// ErrEntry if o does not open it.
func (l *Log) KeepOpening(tx store.Tx, e *feedv1.Entry, label string, o *feedv1.Opening) error {
	if err := l.Opens(e, label, o); err != nil {
		return err
	}
	return putOpening(tx, e.GetSeq(), label, o)
}

// Opens answers ErrEntry if o does not open the entry's commitment of that label.
func (l *Log) Opens(e *feedv1.Entry, label string, o *feedv1.Opening) error {
	digest := Digest(l.config.Origin, e.GetId(), label, o)
	for _, c := range e.GetSealed() {
		if c.GetLabel() == label && len(o.GetSalt()) == SaltSize && bytes.Equal(digest[:], c.GetDigest()) {
			return nil
		}
	}
	return fmt.Errorf("%w: nothing of entry %d is opened by this %s", ErrEntry, e.GetSeq(), label)
}

// KeepGone notes that a log got the entry back without what opens its commitment c: signed
// by the log, so that nobody else can say it of what they have deleted.
func (l *Log) KeepGone(tx store.Tx, e *feedv1.Entry, c *feedv1.Commitment) error {
	if l.signer.key == nil {
		return errMirror
	}
	text := fmt.Sprintf("duban gone with a tail\n%s\n%d %s %x\n", l.config.Origin, e.GetSeq(), c.GetLabel(), c.GetDigest())
	signature, err := l.signer.Sign([]byte(text))
	if err != nil {
		return fmt.Errorf("signing that %s of entry %d is gone: %w", c.GetLabel(), e.GetSeq(), err)
	}
	return tx.Put(GoneBucket, openingKey(e.GetSeq(), c.GetLabel()), signature)
}

// KeepCheckpoint stores the newest signed note, which the caller has checked. It
// covers at most what the log holds.
func (l *Log) KeepCheckpoint(tx store.Tx, text []byte) error {
	return tx.Put(MetaBucket, []byte(CheckpointKey), text)
}

// Grown wakes those who wait for entries of a mirror, after the commit of what
// made it so large.
func (l *Log) Grown(size uint64) {
	l.bell.set(size)
	l.bell.ring()
}

// Leaf returns the leaf hash of the entry seq, or ErrRange.
func (l *Log) Leaf(tx store.Tx, seq uint64) (tlog.Hash, error) {
	b, err := tx.Get(EntriesBucket, store.Number(seq))
	if errors.Is(err, store.ErrNotFound) {
		return tlog.Hash{}, fmt.Errorf("%w: entry %d", ErrRange, seq)
	}
	return tlog.RecordHash(b), err
}

// Nodes reads the tree's stored nodes within a transaction.
func (l *Log) Nodes(tx store.Tx) tlog.HashReader { return hashes{tx} }

// Sign makes a signed note of text in the log's name. What the text says MUST
// begin with a line that no checkpoint begins with.
func (l *Log) Sign(text string) ([]byte, error) {
	if l.signer.key == nil {
		return nil, errMirror
	}
	return note.Sign(&note.Note{Text: text}, l.signer)
}

// Origin names the log among all logs.
func (l *Log) Origin() string { return l.config.Origin }
