package server

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestWhatARoundHasBesideTheFeed: a pepper while it is open, codes of its groups or spent,
// and ballots that wait and are there.
func TestWhatARoundHasBesideTheFeed(t *testing.T) {
	const open, closed = "rounds/open", "rounds/closed"
	hash := strings.Repeat("h", 32)
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "evaluation.db"), bolt.Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		for name, state := range map[string]evaluationv1.Round_State{open: evaluationv1.Round_STATE_OPEN, closed: evaluationv1.Round_STATE_CLOSED} {
			b, err := proto.Marshal(&evaluationv1.Round{Name: name, State: state, Groups: make([]*evaluationv1.RaterGroup, 2)})
			if err := errors.Join(err, tx.Put(rounds, []byte(name), b)); err != nil {
				return err
			}
		}
		err := errors.Join(tx.Put(peppers, []byte(open), []byte(hash)), tx.Put(staged, []byte(open+"\x00"+hash), nil))
		for _, tt := range []struct{ bucket, key, value, want string }{
			{peppers, open, hash, ""},
			{peppers, open, hash[1:], "not write"},
			{peppers, closed, hash, "not open"},
			{peppers, "rounds/none", hash, "not open"},
			{codes, open + "\x00" + hash, "\x01", ""},
			{codes, open + "\x00" + hash, "\x02", "of a group"},
			{codes, open + "\x00" + hash, "\xff", ""},
			{codes, open + "\x00" + hash, "\xff" + hash, ""},
			{codes, open + "\x00" + hash, "\x01" + hash, "not write"},
			{codes, open + "\x00" + hash, "", "not write"},
			{codes, closed + "\x00" + hash, "\x01", "belongs to nothing in " + peppers},
			{codes, open + hash, "\x01", "not write"},
			{waiting, open + "\x00" + hash, "", ""},
			{waiting, open + "\x00" + hash, "x", "not write"},
			{waiting, open + "\x00" + strings.ToUpper(hash), "", "belongs to nothing in " + staged},
		} {
			what, looked := forms[tt.bucket](tx, store.Entry{Key: []byte(tt.key), Value: []byte(tt.value)})
			if err = errors.Join(err, looked); tt.want == "" && what != "" || !strings.Contains(what, tt.want) {
				t.Errorf("%s has under %q %q: %q, want …%s", tt.bucket, tt.key, tt.value, what, tt.want)
			}
		}
		return err
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}
