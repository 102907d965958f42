// Package recheck holds the ballots (选票) that evaluation keeps against the receipts
// that its feed commits to, for fsck. It shares no code with those who write them, and
// looks at no answer. That the receipts stand as the feed says is checked by package
// fsck; whether ballots are counted as they were cast, by a tally anew.
package recheck

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets: keys are the round's name, 0x00, and what tells ballots apart, but for
// peppers, which open rounds have, and for batches.
const (
	batches = "duban.evaluation.v1.BallotBatch"
	peppers = "ballot.peppers"
	staged  = "ballot.staged"
	waiting = "ballot.waiting"
	final   = "ballot.final"
)

// digest is a receipt.
type digest = [sha256.Size]byte

// box is what one round has.
type box struct {
	committed map[digest]bool // by the feed
	count     int64           // how many, as the feed says it
	open      bool
	staged    map[digest]bool // what the feed knows of, of an open round
	final     map[digest]bool
	strange   int // ballots under another receipt than their own
}

// Ballots calls wrong for every round of which other ballots are kept than the feed
// commits to: of an open one those that do not wait, of a closed one all. It holds 32
// bytes twice for each ballot.
func Ballots(tx store.Tx, wrong func(round, what string)) error {
	b := boxes{}
	if err := b.read(tx); err != nil {
		return err
	}
	for _, round := range slices.Sorted(maps.Keys(b)) {
		if what := b[round].wrong(); what != "" {
			wrong(round, what)
		}
	}
	return nil
}

// boxes are those of all rounds, by name.
type boxes map[string]*box

func (b boxes) of(round string) *box {
	if b[round] == nil {
		b[round] = &box{committed: map[digest]bool{}, staged: map[digest]bool{}, final: map[digest]bool{}}
	}
	return b[round]
}

func (b boxes) read(tx store.Tx) error {
	for _, bucket := range []struct {
		name string
		take func(store.Tx, store.Entry)
	}{{batches, b.batch}, {peppers, b.pepper}, {staged, b.stage}, {final, b.file}} {
		for row, err := range tx.Scan(bucket.name, nil, nil) {
			if err != nil {
				return fmt.Errorf("reading %s: %w", bucket.name, err)
			}
			bucket.take(tx, row)
		}
	}
	return nil
}

func (b boxes) batch(_ store.Tx, row store.Entry) {
	batch := &evaluationv1.BallotBatch{}
	if proto.Unmarshal(row.Value, batch) != nil {
		return // its record is wrong, and said to be
	}
	box := b.of(batch.GetRound())
	box.count += int64(batch.GetCount())
	for _, receipt := range batch.GetCommitments() {
		if len(receipt) == sha256.Size {
			box.committed[digest(receipt)] = true
		}
	}
}

func (b boxes) pepper(_ store.Tx, row store.Entry) { b.of(string(row.Key)).open = true }

// stage takes a ballot of an open round, unless it waits to be told of.
func (b boxes) stage(tx store.Tx, row store.Entry) {
	round, _ := parted(row.Key)
	if _, err := tx.Get(waiting, row.Key); err != nil {
		b.of(round).staged[receipt(round, row.Value)] = true
	}
}

// file takes a ballot of a closed round, which lies under its receipt.
func (b boxes) file(_ store.Tx, row store.Entry) {
	round, tail := parted(row.Key)
	own := receipt(round, row.Value)
	if b.of(round).final[own] = true; !bytes.Equal(tail, own[:]) {
		b.of(round).strange++
	}
}

func parted(key []byte) (round string, tail []byte) {
	before, tail, _ := bytes.Cut(key, []byte{0})
	return string(before), tail
}

// receipt is what the feed commits to of a ballot: see evaluation.Receipt.
func receipt(round string, ballot []byte) digest {
	return sha256.Sum256(fmt.Appendf(nil, "duban/ballot/v1\x00%d:%s%s", len(round), round, ballot))
}

// wrong says what is wrong with a round, or "".
func (b *box) wrong() string {
	kept, other := b.final, b.staged
	if b.open {
		kept, other = other, kept
	}
	missing, strange := without(b.committed, kept), without(kept, b.committed)
	switch {
	case b.count != int64(len(b.committed)):
		return fmt.Sprintf("its batches say %d ballots and commit to %d", b.count, len(b.committed))
	case missing > 0 || strange > 0:
		return fmt.Sprintf("of %d ballots that the feed commits to %d are missing, and %d are there that it does not know", b.count, missing, strange)
	case b.strange > 0:
		return fmt.Sprintf("%d ballots lie under receipts that are not theirs", b.strange)
	case len(other) > 0:
		return fmt.Sprintf("%d ballots lie in the box of another state than the round's", len(other))
	}
	return ""
}

// without counts those of a that are not in b.
func without(a, b map[digest]bool) (n int) {
	for receipt := range a {
		if !b[receipt] {
			n++
		}
	}
	return n
}
