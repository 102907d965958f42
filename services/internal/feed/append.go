package feed

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

const version = 1

// IDSize is how many bytes the id of an entry has.
const IDSize = 16

var deterministic = proto.MarshalOptions{Deterministic: true}

// Change is one change of one subject, as its writer knows it.
type Change struct {
	// Kind is what happened, such as "rectification.problem.closed.v1".
	Kind string
	// Subject is the resource name of what changed.
	Subject string
	// Rev is what Next said in the same transaction.
	Rev uint64
	// Effective is when it counts, by the service's clock.
	Effective time.Time
	// Actor is who did it; nil where nobody may be named.
	Actor *feedv1.Actor
	// Body is the whole resource after the change, with its sealed fields; nil if
	// the subject is gone. It is not changed.
	Body proto.Message
}

// Leaf is an entry's place in the tree: what a receipt is made of.
type Leaf struct {
	Seq  uint64
	Hash tlog.Hash
}

// Next returns the rev that the subject's next entry will have, from 1. Whoever
// makes an etag of it asks before Append and passes it on in Change.Rev.
func (l *Log) Next(tx store.Tx, subject string) (rev uint64, err error) {
	t, err := readTail(tx, subject)
	return t.rev + 1, err
}

// Append adds an entry to the log; it becomes part of it if tx commits. It
// answers ErrRev if c.Rev is not what Next says, and ErrTooLarge. After an error
// the caller MUST end its transaction with one, because part may be written.
func (l *Log) Append(tx store.Tx, c Change) (Leaf, error) {
	leaf, err := l.append(tx, c)
	if err != nil {
		return Leaf{}, fmt.Errorf("appending %s of %q: %w", c.Kind, c.Subject, err)
	}
	return leaf, nil
}

func (l *Log) append(tx store.Tx, c Change) (Leaf, error) {
	switch {
	case l.held.Load() != nil:
		return Leaf{}, ErrHeld
	case l.signer.key == nil:
		return Leaf{}, errMirror
	case c.Kind == "" || c.Subject == "":
		return Leaf{}, errors.New("a change needs a kind and a subject")
	}
	h, err := readHead(tx)
	if err != nil {
		return Leaf{}, err
	}
	t, err := readTail(tx, c.Subject)
	if err != nil {
		return Leaf{}, err
	}
	if c.Rev != t.rev+1 {
		return Leaf{}, fmt.Errorf("%w: %d after %d", ErrRev, c.Rev, t.rev)
	}
	h.at = later(h.at, l.config.Now())
	e := &feedv1.Entry{
		Version: version, Seq: h.size, At: timestamppb.New(h.at),
		Effective: timestamppb.New(c.Effective), Kind: c.Kind, Subject: c.Subject,
		Rev: c.Rev, Prev: t.prev(), Actor: c.Actor,
	}
	if err := l.fill(tx, e, c.Body); err != nil {
		return Leaf{}, err
	}
	return put(tx, h, e)
}

// later keeps the log's times from going backwards.
func later(before, now time.Time) time.Time {
	if now.Before(before) {
		return before
	}
	return now
}

// fill gives e its id, its body and its commitments, and stores what opens them.
func (l *Log) fill(tx store.Tx, e *feedv1.Entry, body proto.Message) error {
	sealed, err := l.body(e, body)
	if err != nil {
		return err
	}
	random := make([]byte, IDSize+SaltSize*len(sealed))
	if _, err := io.ReadFull(l.config.Random, random); err != nil {
		return fmt.Errorf("drawing an id: %w", err)
	}
	e.Id, random = random[:IDSize:IDSize], random[IDSize:]
	for _, p := range sealed {
		o := &feedv1.Opening{Salt: random[:SaltSize], Payload: p.payload}
		random = random[SaltSize:]
		digest := Digest(l.config.Origin, e.Id, p.label, o)
		e.Sealed = append(e.Sealed, &feedv1.Commitment{Label: p.label, Digest: digest[:]})
		if err := putOpening(tx, e.GetSeq(), p.label, o); err != nil {
			return err
		}
	}
	return nil
}

// body puts into e what everyone may read, and returns the rest. Unknown fields
// are refused: they may be sealed by a newer contract.
func (l *Log) body(e *feedv1.Entry, body proto.Message) ([]part, error) {
	if body == nil {
		return nil, nil
	}
	s, err := l.seamsOf(body)
	if err != nil {
		return nil, err
	}
	if n := len(body.ProtoReflect().GetUnknown()); n > 0 {
		return nil, fmt.Errorf("the resource has %d bytes of unknown fields", n)
	}
	whole, err := deterministic.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding the resource: %w", err)
	}
	public, sealed, err := s.split(whole)
	e.Body = &anypb.Any{TypeUrl: s.typeURL, Value: public}
	return sealed, err
}

func putOpening(tx store.Tx, seq uint64, label string, o *feedv1.Opening) error {
	if len(o.GetPayload()) > MaxEntry {
		return fmt.Errorf("%w: a payload of %d bytes", ErrTooLarge, len(o.GetPayload()))
	}
	b, err := deterministic.Marshal(o)
	if err != nil {
		return fmt.Errorf("encoding an opening: %w", err)
	}
	return tx.Put(OpeningsBucket, openingKey(seq, label), b)
}

// put stores e as the entry that follows h. From here on its bytes stay as they
// are.
func put(tx store.Tx, h head, e *feedv1.Entry) (Leaf, error) {
	b, err := deterministic.Marshal(e)
	if err != nil {
		return Leaf{}, fmt.Errorf("encoding the entry: %w", err)
	}
	if len(b) > MaxEntry {
		return Leaf{}, fmt.Errorf("%w: an entry of %d bytes", ErrTooLarge, len(b))
	}
	if err := untaken(tx, e.GetId()); err != nil {
		return Leaf{}, fmt.Errorf("%w: the randomness is broken", err)
	}
	leaf, err := keep(tx, h, e, b)
	if err != nil {
		return Leaf{}, err
	}
	h.size++
	return leaf, h.put(tx)
}

// keep stores the entry of these bytes as the one that follows h, and the rows
// that stand with it.
func keep(tx store.Tx, h head, e *feedv1.Entry, b []byte) (Leaf, error) {
	leaf := Leaf{h.size, tlog.RecordHash(b)}
	if err := tx.Put(IDsBucket, e.GetId(), store.Number(leaf.Seq)); err != nil {
		return Leaf{}, err
	}
	if err := tx.Put(EntriesBucket, store.Number(leaf.Seq), b); err != nil {
		return Leaf{}, err
	}
	if err := (hashes{tx}).grow(leaf.Seq, leaf.Hash); err != nil {
		return Leaf{}, err
	}
	return leaf, (tail{e.GetRev(), leaf.Seq, leaf.Hash}).put(tx, e.GetSubject())
}

// untaken says whether no entry has the id.
func untaken(tx store.Tx, id []byte) error {
	switch _, there, err := store.Seek(tx, IDsBucket, id); {
	case err != nil:
		return fmt.Errorf("looking for the id %x: %w", id, err)
	case there:
		return fmt.Errorf("the id %x is taken", id)
	}
	return nil
}
