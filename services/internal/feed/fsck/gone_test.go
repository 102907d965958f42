package fsck

import (
	"crypto/ed25519"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// gone takes away what opens the first commitment of an entry; noted, as recovery of a tail does.
func gone(f *feedtest.Fixture, seq uint64, noted bool) func(store.Tx) error {
	return with(seq, func(tx store.Tx, e *feedv1.Entry) error {
		promise := e.GetSealed()[0]
		if err := tx.Delete(feed.OpeningsBucket, append(seqKey(seq), promise.GetLabel()...)); err != nil || !noted {
			return err
		}
		return f.Log.KeepGone(tx, e, promise)
	})
}

// officeless is the record of problem 4 as recovery makes it of entry 7, of which office is gone.
func officeless(tx store.Tx) error {
	body := feedtest.New(feedtest.Problem, "name", "problems/4", "title", "title 7", "phone", "138", "note", "a", "note", "b")
	b, err := proto.Marshal(body)
	if err != nil {
		return err
	}
	return tx.Put(problems, []byte("problems/4"), b)
}

// TestWhatWasLostWithATailIsCounted: of an entry that others follow, and of the last, in
// every era.
func TestWhatWasLostWithATailIsCounted(t *testing.T) {
	f := written(t)
	f.Update(t, gone(f, 4, true))
	f.Update(t, gone(f, 7, true))
	f.Update(t, officeless)
	if got, want := verdict(t, f), (Report{Entries: 8, Subjects: 4, Openings: 10, Lost: 2, LostOf: []string{"problems/4"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %+v, want %+v", got, got.First, want)
	}
	turn(t, f, second, as)
	turn(t, f, third, as)
	if what := eras(t, f); what != "" {
		t.Errorf("two eras later: %s", what)
	}
}

// TestWhatWasLostIsSaidByTheKeyOfThen: a note stands when the installation has another key.
func TestWhatWasLostIsSaidByTheKeyOfThen(t *testing.T) {
	f, was := written(t), secret
	f.Update(t, gone(f, 4, true))
	before := f.Log.VerifierKey()
	t.Cleanup(func() { secret = was })
	secret = ed25519.NewKeyFromSeed([]byte("another key, of thirty-two bytes"))
	turn(t, f, second, func(e *feedv1.Era) { e.PreviousVerifierKey = before })
	if what := eras(t, f); what != "" {
		t.Error(what)
	}
}

// TestNothingIsHiddenByWhatWasLost: nobody but the log says what it is, and of nothing else.
func TestNothingIsHiddenByWhatWasLost(t *testing.T) {
	key := append(seqKey(4), "office"...)
	for name, tt := range map[string]struct {
		do   func(f *feedtest.Fixture) func(store.Tx) error
		what string
	}{
		"not noted": {func(f *feedtest.Fixture) func(store.Tx) error { return gone(f, 5, false) }, "MISSING: nothing opens its commitment office"},
		"note of another entry": {func(*feedtest.Fixture) func(store.Tx) error {
			return func(tx store.Tx) error {
				signature, err := tx.Get(feed.GoneBucket, key)
				if err != nil {
					return err
				}
				if err := tx.Delete(feed.OpeningsBucket, append(seqKey(3), "office"...)); err != nil {
					return err
				}
				return tx.Put(feed.GoneBucket, append(seqKey(3), "office"...), signature)
			}
		}, "is not signed by the log"},
		"note that was changed": {func(*feedtest.Fixture) func(store.Tx) error { return value(feed.GoneBucket, key, flip(3)) }, "is not signed by the log"},
		"note of another era": {func(f *feedtest.Fixture) func(store.Tx) error {
			log := f.Log
			sign(t, f, second)
			do := gone(f, 3, true)
			return func(tx store.Tx) error { err := do(tx); f.Log = log; return err }
		}, "is not signed by the log"},
		"note of what is opened": {func(f *feedtest.Fixture) func(store.Tx) error {
			return with(5, func(tx store.Tx, e *feedv1.Entry) error { return f.Log.KeepGone(tx, e, e.GetSealed()[0]) })
		}, "its commitment office is noted as lost with a tail, and is opened"},
		"note of no entry": {func(*feedtest.Fixture) func(store.Tx) error {
			return add(feed.GoneBucket, string(seqKey(8))+"office", "x")
		}, "feed.gone has 2 rows, and the entries account for 1"},
		"record that still has it": {func(f *feedtest.Fixture) func(store.Tx) error { return gone(f, 7, true) }, "its record differs"},
	} {
		f := written(t)
		f.Forge = true // it makes no entries any more
		f.Update(t, gone(f, 4, true))
		f.Update(t, tt.do(f))
		if got := verdict(t, f); got.Wrong != 1 || !strings.Contains(got.First.What, tt.what) {
			t.Errorf("%s: %d wrong, the first %+v, want %q", name, got.Wrong, got.First, tt.what)
		}
	}
}
