// Package recovery is what a role does about its own log when federation, in this
// process or another, tells what the installation above has of it. A log that lost
// its tail, as after an old backup was restored, gets the tail back that is mirrored
// there, and the records that those entries say; one that was restored and lacks
// nothing goes on. What is sealed and never went upward is gone; what services keep
// beside records and feed (digests of keys, remembered requests) too. Fetching the
// tail is package push's, indexes are package store's.
package recovery

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

var errRoot = errors.New("the entries do not lead to what the log has signed")

// Apply adds the tail to the log and writes the records anew that it is about. The
// tree must then have that root. It answers how many commitments nothing opens any
// more. After an error the caller MUST end its transaction with one.
func Apply(tx store.Tx, log *feed.Log, tail []*feedv1.Record, root tlog.Hash) (missing int, err error) {
	run, raw := make([]*feedv1.Entry, len(tail)), make([][]byte, len(tail))
	for i, r := range tail {
		if run[i], err = federation.ReadEntry(r.GetEntry()); err != nil {
			return 0, err
		}
		raw[i] = r.GetEntry()
	}
	if err := log.Extend(tx, run, raw); err != nil {
		return 0, err
	}
	size, err := log.Size(tx)
	if err != nil {
		return 0, err
	}
	if got, err := log.Root(tx, size); err != nil || got != root {
		return 0, errors.Join(errRoot, err)
	}
	for i, e := range run {
		n, err := restore(tx, log, e, tail[i].GetOpenings())
		if err != nil {
			return 0, fmt.Errorf("entry %d: %w", e.GetSeq(), err)
		}
		missing += n
	}
	return missing, nil
}

// restore writes the record as it was after the entry, as far as it is opened.
func restore(tx store.Tx, log *feed.Log, e *feedv1.Entry, openings []*feedv1.OpenedCommitment) (missing int, err error) {
	if e.GetBody() == nil {
		return 0, fmt.Errorf("%s is gone, and from where is not said", e.GetKind())
	}
	mt, err := protoregistry.GlobalTypes.FindMessageByName(e.GetBody().MessageName())
	if err != nil {
		return 0, fmt.Errorf("the type %s: %w", e.GetBody().MessageName(), err)
	}
	m := mt.New().Interface()
	if err := proto.Unmarshal(e.GetBody().GetValue(), m); err != nil {
		return 0, fmt.Errorf("reading the body: %w", err)
	}
	for _, o := range openings {
		if err := log.KeepOpening(tx, e, o.GetLabel(), o.GetOpening()); err != nil {
			return 0, err
		}
		if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(o.GetOpening().GetPayload(), m); err != nil {
			return 0, fmt.Errorf("reading what is opened: %w", err)
		}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return 0, fmt.Errorf("encoding the record: %w", err)
	}
	return len(e.GetSealed()) - len(openings), tx.Put(string(e.GetBody().MessageName()), []byte(e.GetSubject()), b)
}
