package server

import (
	"bytes"
	"crypto/sha256"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// rounds is the table of rounds.
const rounds = "duban.evaluation.v1.Round"

// forms are of what an open round has beside the feed; what ballots it commits to is for
// package recheck.
var forms = map[string]store.Form{
	peppers: store.Every(store.Shaped(func(_, value []byte) bool { return len(value) == sha256.Size }), opened),
	codes: store.Every(
		store.Shaped(func(key, value []byte) bool {
			return hashed(key) && (len(value) == 1 || len(value) == 1+sha256.Size && value[0] == spent)
		}),
		store.Of(peppers, roundOf), grouped,
	),
	waiting: store.Every(
		store.Shaped(func(key, value []byte) bool { return hashed(key) && len(value) == 0 }),
		store.Of(staged, store.Same),
	),
}

// hashed says whether a key is one of a round with an HMAC behind it.
func hashed(key []byte) bool {
	i := bytes.IndexByte(key, 0)
	return i > 0 && len(key) == i+1+sha256.Size
}

func roundOf(key []byte) string {
	round, _, _ := bytes.Cut(key, []byte{0})
	return string(round)
}

// opened has a pepper of no round but one that is open.
func opened(tx store.Tx, row store.Entry) (string, error) {
	r, err := roundIn(tx, string(row.Key))
	if err != nil || r.GetState() == evaluationv1.Round_STATE_OPEN {
		return "", err
	}
	return "the pepper of a round that is not open", nil
}

// grouped has a code of no group that its round does not have; of one that was spent
// nothing is said of it.
func grouped(tx store.Tx, row store.Entry) (string, error) {
	r, err := roundIn(tx, roundOf(row.Key))
	if err != nil || row.Value[0] == spent || int(row.Value[0]) < len(r.GetGroups()) {
		return "", err
	}
	return "a code of a group that the round does not have", nil
}

// roundIn is a round, an empty one if there is none or it cannot be read.
func roundIn(tx store.Tx, name string) (*evaluationv1.Round, error) {
	b, _, err := store.Seek(tx, rounds, []byte(name))
	r := &evaluationv1.Round{}
	if proto.Unmarshal(b, r) != nil {
		return &evaluationv1.Round{}, err
	}
	return r, err
}
