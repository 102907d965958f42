// Package recovery is what a role does about its own log when federation, in this
// process or another, tells what the installation above has of it. A log that lost
// its tail, as after an old backup was restored, gets the tail back that is mirrored
// there, and the records that those entries say; one that was restored and lacks
// nothing goes on. What is sealed and never went upward is gone; what services keep
// beside records and feed (digests of keys, remembered requests) too. Fetching the
// tail is package push's, index rows are package store's.
//
// A tail may be as long as the log: it is never in memory, nor in one transaction.
// It is set aside in the store as it comes, and nothing reads it there. Once all of
// it has come and leads to the root that the log itself has signed, the log takes it
// over in steps. After each it is, with its records, as it was once before, and what
// it signs of that length it has signed before. A process that ends between two
// steps takes the rest when it starts.
package recovery

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Log is a role's log, with where it and the role's records lie.
type Log struct {
	*feed.Log
	Engine store.Engine
	Schema store.Schema
	// Again does what the role did besides as it wrote an entry; nil if that is nothing.
	Again Again
	// Lacks says what a log of so many entries does not have, as others here have read it;
	// "" if nothing, and nil if nobody reads it here.
	Lacks func(tx store.Tx, size uint64) (string, error)
}

// Again is what a role keeps beside its records of what its log says.
type Again interface {
	// Entry takes in what an entry of the tail says that took effect at a moment, before
	// the record is put in the place of what stands there.
	Entry(tx store.Tx, at time.Time, row store.Row) error
	// Whole ends it, in the transaction that takes over the last.
	Whole(tx store.Tx) error
}

// lost is an entry of a tail.
type lost struct {
	*feedv1.Record
	entry *feedv1.Entry
	// table and record are where the record lies that it is about, and what it was
	// after the entry, as far as that is opened.
	table  string
	record []byte
}

// missing are the entry's commitments that nothing opens any more.
func (e lost) missing() []*feedv1.Commitment {
	return slices.DeleteFunc(slices.Clone(e.entry.GetSealed()), func(c *feedv1.Commitment) bool {
		return slices.ContainsFunc(e.GetOpenings(), func(o *feedv1.OpenedCommitment) bool { return o.GetLabel() == c.GetLabel() })
	})
}

// read refuses whatever the log could not take over later.
func (l Log) read(r *feedv1.Record) (e lost, err error) {
	e.Record = r
	if e.entry, err = federation.ReadEntry(r.GetEntry()); err != nil {
		return e, err
	}
	body := e.entry.GetBody()
	if body == nil {
		return e, fmt.Errorf("entry %d: %s is gone, and from where is not said", e.entry.GetSeq(), e.entry.GetKind())
	}
	e.table = string(body.MessageName())
	mt, err := protoregistry.GlobalTypes.FindMessageByName(body.MessageName())
	if err != nil {
		return e, fmt.Errorf("entry %d: the type %s: %w", e.entry.GetSeq(), e.table, err)
	}
	e.record, err = l.opened(mt.New().Interface(), e)
	if err != nil {
		return e, fmt.Errorf("entry %d: %w", e.entry.GetSeq(), err)
	}
	return e, nil
}

// opened is the record as it was after the entry, as far as it is opened; m is an
// empty one.
func (l Log) opened(m proto.Message, e lost) ([]byte, error) {
	if err := proto.Unmarshal(e.entry.GetBody().GetValue(), m); err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	for _, o := range e.GetOpenings() {
		if err := l.Opens(e.entry, o.GetLabel(), o.GetOpening()); err != nil {
			return nil, err
		}
		if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(o.GetOpening().GetPayload(), m); err != nil {
			return nil, fmt.Errorf("reading what is opened: %w", err)
		}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding the record: %w", err)
	}
	return b, nil
}

// put writes what the entry says beside the log: what opens it, what nothing opens any
// more, and the record.
func (l Log) put(tx store.Tx, e lost) error {
	for _, o := range e.GetOpenings() {
		if err := l.KeepOpening(tx, e.entry, o.GetLabel(), o.GetOpening()); err != nil {
			return err
		}
	}
	for _, c := range e.missing() {
		if err := l.KeepGone(tx, e.entry, c); err != nil {
			return err
		}
	}
	row := store.Row{Table: e.table, Key: e.entry.GetSubject(), Value: e.record}
	if l.Again != nil {
		if err := l.Again.Entry(tx, e.entry.GetEffective().AsTime(), row); err != nil {
			return fmt.Errorf("what the role kept of it: %w", err)
		}
	}
	return store.Overwrite(tx, l.Schema, row)
}
