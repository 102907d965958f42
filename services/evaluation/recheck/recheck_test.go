package recheck_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/evaluation/recheck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

const (
	closed = "rounds/closed"
	open   = "rounds/open"
)

// rows are by bucket and key: a closed round with three ballots in two batches, and an
// open one with a ballot that the feed knows and one that waits.
func rows(t *testing.T) map[[2]string][]byte {
	all := map[[2]string][]byte{}
	batch := func(round, number string, ballots ...string) {
		b := &evaluationv1.BallotBatch{Name: round + "/ballotBatches/" + number, Round: round, Count: int32(len(ballots))}
		for _, ballot := range ballots {
			receipt := evaluation.Receipt(round, []byte(ballot))
			b.Commitments = append(b.Commitments, receipt[:])
			if round == closed {
				all[[2]string{"ballot.final", round + "\x00" + string(receipt[:])}] = []byte(ballot)
			}
		}
		value, err := proto.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		all[[2]string{"duban.evaluation.v1.BallotBatch", b.GetName()}] = value
	}
	batch(closed, "1", "a", "b")
	batch(closed, "2", "c")
	batch(open, "1", "d")
	all[[2]string{"ballot.peppers", open}] = []byte("pepper")
	all[[2]string{"ballot.staged", open + "\x00k1"}] = []byte("d")
	all[[2]string{"ballot.staged", open + "\x00k2"}] = []byte("e")
	all[[2]string{"ballot.waiting", open + "\x00k2"}] = nil
	return all
}

// found are the rounds that are wrong.
func found(t *testing.T, all map[[2]string][]byte) string {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "evaluation.db"), bolt.Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	var said []string
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		for key, value := range all {
			if err := tx.Put(key[0], []byte(key[1]), value); err != nil {
				return err
			}
		}
		return recheck.Ballots(tx, func(round, what string) { said = append(said, round+": "+what) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(said, "; ")
}

// TestBallotsAreThoseThatTheFeedCommitsTo: whichever ballot is taken away, changed,
// added or moved, its round is named.
func TestBallotsAreThoseThatTheFeedCommitsTo(t *testing.T) {
	if said := found(t, rows(t)); said != "" {
		t.Errorf("what is as it should be: %s", said)
	}
	for _, key := range slices.SortedFunc(maps.Keys(rows(t)), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
		round := closed
		if strings.HasPrefix(key[1], open) {
			round = open
		}
		all := rows(t)
		delete(all, key)
		if said := found(t, all); !strings.HasPrefix(said, round+": ") && key[1] != open+"\x00k2" {
			t.Errorf("without %q: %s", key, said)
		}
		if key[0] == "ballot.final" || key[1] == open+"\x00k1" {
			all[key] = []byte("x")
			if said := found(t, all); !strings.HasPrefix(said, round+": of ") {
				t.Errorf("with another ballot at %q: %s", key, said)
			}
		}
	}
	all := rows(t)
	all[[2]string{"ballot.final", closed + "\x00another"}] = []byte("a")
	if said := found(t, all); said != closed+": 1 ballots lie under receipts that are not theirs" {
		t.Errorf("with a ballot twice: %s", said)
	}
}
