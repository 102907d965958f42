// Package dated holds what entries from below claim of their time against the last head that
// was shown without them, and counts what is dated back (倒签嫌疑).
package dated

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket has, beside a mirror's entries, the index of each whose record is dated back → the
// earliest moment in it that is, a Timestamp.
const Bucket = "dated"

// Mirror is a mirrored log, in a transaction, before it has the run that is counted.
type Mirror struct {
	Tx        store.Tx
	Log       *feed.Log
	Simulated bool // time is made up there: the time of writing alone is real
}

// Count counts on the row what of the run is dated back: a head without it was shown at without,
// which is after the time that it claims. Zero if none was: nothing is counted.
func (m Mirror) Count(row *federationv1.Mirror, run []*feedv1.Entry, without time.Time) error {
	if without.IsZero() {
		return nil
	}
	newest := map[string]*feedv1.Entry{}
	for _, e := range run {
		claimed, err := m.claimed(e, newest[e.GetSubject()], without)
		if err != nil {
			return err
		}
		newest[e.GetSubject()] = e
		if !federation.NewBracket(without, time.Time{}, claimed).GetBackdated() {
			continue
		}
		if row.BackdatedCount++; len(row.GetBackdatedSeqs()) < federation.MaxListed {
			row.BackdatedSeqs = append(row.BackdatedSeqs, e.GetSeq())
		}
	}
	return nil
}

// Claimed is what an entry that was counted, or was not, claims.
func (m Mirror) Claimed(e *feedv1.Entry) (federation.Claimed, error) {
	claimed := federation.ClaimedBy(e, m.Simulated)
	b, there, err := store.Seek(m.Tx, Bucket, store.Number(e.GetSeq()))
	if err != nil || !there {
		return claimed, err
	}
	t := &timestamppb.Timestamp{}
	if err := proto.Unmarshal(b, t); err != nil {
		return claimed, fmt.Errorf("reading when the record of entry %d was set: %w", e.GetSeq(), err)
	}
	claimed.Recorded = t.AsTime()
	return claimed, nil
}

// claimed is what a new entry claims. Before is the one before it of its subject, if that
// is of the same run.
func (m Mirror) claimed(e, before *feedv1.Entry, without time.Time) (federation.Claimed, error) {
	claimed := federation.ClaimedBy(e, m.Simulated)
	if m.Simulated {
		return claimed, nil
	}
	old := map[moment]bool{}
	err := moments(e, func(at moment) {
		if federation.Over(at.time(), without) {
			old[at] = true
		}
	})
	if err != nil || len(old) == 0 {
		return claimed, nil // a record that cannot be read is for who reads it to refuse
	}
	if before == nil {
		if before, err = m.Log.Newest(m.Tx, e.GetSubject()); err != nil {
			return claimed, err
		}
	}
	_ = moments(before, func(at moment) { delete(old, at) }) // nothing can be carried on from what cannot be read
	if len(old) == 0 {
		return claimed, nil
	}
	first := earliest(old)
	b, err := proto.Marshal(timestamppb.New(first))
	if err != nil {
		return claimed, fmt.Errorf("encoding a moment: %w", err)
	}
	claimed.Recorded = first
	return claimed, m.Tx.Put(Bucket, store.Number(e.GetSeq()), b)
}

func earliest(all map[moment]bool) (first time.Time) {
	for at := range all {
		if t := at.time(); first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}
