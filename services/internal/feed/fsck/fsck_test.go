package fsck

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

const problems, cards = "duban.test.v1.Problem", "duban.test.v1.Card"

// written is a log of eight entries: problem 1 is changed by 0, 3 and 5,
// problem 2 by 1 and 6 (deleted), card 3 by 2, problem 4 by 4 and 7.
func written(t testing.TB) *feedtest.Fixture {
	f := feedtest.Open(t)
	for i, id := range []string{"1", "2", "3", "1", "4", "1", "2", "4"} {
		f.Now = f.Now.Add(time.Second)
		f.Update(t, func(tx store.Tx) error {
			mt, name := feedtest.Problem, "problems/"+id
			body := feedtest.New(mt, "name", name, "title", fmt.Sprint("title ", i),
				"officer", "Wang", "phone", "138", "note", "a", "note", "b")
			switch i {
			case 2:
				mt, name = feedtest.Card, "cards/"+id
				body = feedtest.New(mt, "name", name)
			case 6:
				body = nil
			}
			return f.Write(tx, mt, name, body)
		})
	}
	return f
}

func verdict(t testing.TB, f *feedtest.Fixture) Report {
	t.Helper()
	verifier, err := note.NewVerifier(f.Log.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	report, err := run(t.Context(), f.Engine, Expect{Verifier: verifier}, feedtest.Types(t))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestNothingIsWrong(t *testing.T) {
	if got := verdict(t, feedtest.Open(t)); !reflect.DeepEqual(got, Report{}) {
		t.Errorf("an empty log: %+v, %+v", got, got.First)
	}
	if got, want := verdict(t, written(t)), (Report{Entries: 8, Subjects: 4, Openings: 12}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %+v, want %+v", got, got.First, want)
	}
}

func TestCheckTakesRegisteredTypes(t *testing.T) {
	f := written(t)
	verifier, err := note.NewVerifier(f.Log.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(t.Context(), f.Engine, Expect{Verifier: verifier})
	if err != nil || report.First == nil || !strings.Contains(report.First.What, `unknown type "duban.test.v1.Problem"`) {
		t.Errorf("got %+v, %v", report.First, err)
	}
}

// seqKey is the key of an entry.
func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// value changes the value under a key.
func value(bucket string, key []byte, change func([]byte) []byte) func(store.Tx) error {
	return func(tx store.Tx) error {
		b, err := tx.Get(bucket, key)
		if err != nil {
			return err
		}
		return tx.Put(bucket, key, change(b))
	}
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
}

func remove(bucket string, key []byte) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Delete(bucket, key) }
}

func add(bucket, key, value string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Put(bucket, []byte(key), []byte(value)) }
}

// entry changes what an entry says; rehashed, also all the hashes and its
// subject's chain, as one would who knows the format but has no key.
func entry(seq uint64, rehashed bool, change func(*feedv1.Entry)) func(store.Tx) error {
	return with(seq, func(tx store.Tx, e *feedv1.Entry) error {
		change(e)
		b, err := proto.Marshal(e)
		if err != nil {
			return err
		}
		if err := tx.Put(feed.EntriesBucket, seqKey(seq), b); err != nil || !rehashed {
			return err
		}
		return rehash(tx, seq, e.GetSubject())
	})
}

// with gives an entry to do.
func with(seq uint64, do func(store.Tx, *feedv1.Entry) error) func(store.Tx) error {
	return func(tx store.Tx) error {
		b, err := tx.Get(feed.EntriesBucket, seqKey(seq))
		if err != nil {
			return err
		}
		e := &feedv1.Entry{}
		if err := proto.Unmarshal(b, e); err != nil {
			return err
		}
		return do(tx, e)
	}
}

// rehash computes every hash anew, with tlog's own code.
func rehash(tx store.Tx, changed uint64, subject string) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for row, err := range tx.Scan(feed.EntriesBucket, nil, nil) {
		if err != nil {
			return err
		}
		seq := binary.BigEndian.Uint64(row.Key)
		nodes, err := tlog.StoredHashes(int64(seq), row.Value, reader)
		if err != nil {
			return err
		}
		stored = append(stored, nodes...)
		var b []byte
		for _, node := range nodes {
			b = append(b, node[:]...)
		}
		if err := tx.Put(feed.HashesBucket, row.Key, b); err != nil {
			return err
		}
		if chain, err := tx.Get(feed.SubjectsBucket, []byte(subject)); err == nil && seq == changed && bytes.Equal(chain[8:16], row.Key) {
			if err := tx.Put(feed.SubjectsBucket, []byte(subject), append(chain[:16], nodes[0][:]...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// id gives an entry's id, opening the key of what opens its first commitment.
func id(seq uint64, do func(store.Tx, []byte) error) func(store.Tx) error {
	return with(seq, func(tx store.Tx, e *feedv1.Entry) error { return do(tx, e.GetId()) })
}

func opening(seq uint64, do func(store.Tx, []byte) error) func(store.Tx) error {
	return with(seq, func(tx store.Tx, e *feedv1.Entry) error {
		return do(tx, append(seqKey(seq), e.GetSealed()[0].GetLabel()...))
	})
}

// leak puts a sealed field into the body.
func leak(e *feedv1.Entry) { e.Body.Value = append(e.Body.Value, 0x1a, 2, 'L', 'i') }

func TestWhatIsWrongIsNamed(t *testing.T) {
	const one, two, four = "problems/1", "problems/2", "problems/4"
	for _, tt := range []struct {
		name    string
		do      func(store.Tx) error
		seq     int64
		subject string
		what    string
	}{
		{"entry/title", entry(3, false, func(e *feedv1.Entry) { e.Body.Value[len(e.Body.Value)-1]++ }), 3, one, "leaf hash"},
		{"entry/garbage", value(feed.EntriesBucket, seqKey(4), func([]byte) []byte { return []byte{0xff} }), 4, "", "no entry"},
		{"entry/deleted", remove(feed.EntriesBucket, seqKey(2)), 2, "", "no entry stands under this number"},
		{"entry/last deleted", remove(feed.EntriesBucket, seqKey(7)), None, "", "7 entries, and 8 are signed"},
		{"entry/added", add(feed.EntriesBucket, string(seqKey(8)), ""), 8, "", "version"},
		{"entry/odd key", add(feed.EntriesBucket, "x", ""), 8, "", "no entry stands under 78, which is no number"},
		{"entry/version", entry(1, false, func(e *feedv1.Entry) { e.Version = 2 }), 1, two, "version"},
		{"entry/seq", entry(1, true, func(e *feedv1.Entry) { e.Seq = 9 }), 1, two, "says it is 9"},
		{"entry/id", entry(1, true, func(e *feedv1.Entry) { e.Id[0] ^= 1 }), 1, two, "id is not listed"},
		{"entry/short id", entry(1, false, func(e *feedv1.Entry) { e.Id = e.Id[1:] }), 1, two, "id has 15 bytes"},
		{"entry/time", entry(4, true, func(e *feedv1.Entry) { e.At = timestamppb.New(e.At.AsTime().Add(-time.Hour)) }), 4, four, "its time is before"},
		{"entry/no time", entry(4, false, func(e *feedv1.Entry) { e.Effective = nil }), 4, four, "a time of it"},
		{"entry/rev", entry(3, true, func(e *feedv1.Entry) { e.Rev = 3 }), 3, one, "its rev is 3 and should be 2"},
		{"entry/prev", entry(3, true, func(e *feedv1.Entry) { e.Prev[0] ^= 1 }), 3, one, "does not follow"},
		{"entry/root", entry(7, true, func(e *feedv1.Entry) { e.Actor = nil }), None, "", "the root of 8 entries"},
		{"entry/type", entry(7, true, func(e *feedv1.Entry) { e.Body.TypeUrl = "x/y" }), 7, four, `unknown type "y"`},
		{"entry/sealed in body", entry(4, true, leak), 4, four, "stands elsewhere"},
		{"entry/labels", entry(4, false, func(e *feedv1.Entry) { e.Sealed[0], e.Sealed[1] = e.Sealed[1], e.Sealed[0] }), 4, four, "out of order"},
		{"entry/digest", entry(4, false, func(e *feedv1.Entry) { e.Sealed[0].Digest = nil }), 4, four, "has 0 bytes"},
		{"entry/commitments alone", entry(4, false, func(e *feedv1.Entry) { e.Body = nil }), 4, four, "without a body"},
		{"entry/unknown", value(feed.EntriesBucket, seqKey(0), func(b []byte) []byte { return append(b, 0xf8, 0x7f, 1) }), 0, one, "unknown fields"},
		{"entry/large", value(feed.EntriesBucket, seqKey(0), func([]byte) []byte { return make([]byte, feed.MaxEntry+1) }), 0, "", "bytes"},
		{"hashes/leaf", value(feed.HashesBucket, seqKey(3), flip(0)), 3, one, "leaf hash"},
		{"hashes/node", value(feed.HashesBucket, seqKey(3), flip(-1)), 3, one, "nodes above"},
		{"hashes/missing", remove(feed.HashesBucket, seqKey(3)), 3, one, "hashes are missing"},
		{"hashes/added", add(feed.HashesBucket, string(seqKey(8)), "x"), None, "", "feed.hashes has 9 rows"},
		{"ids/value", id(0, func(tx store.Tx, id []byte) error { return tx.Put(feed.IDsBucket, id, seqKey(77)) }), 0, one, "listed for another"},
		{"ids/missing", id(0, func(tx store.Tx, id []byte) error { return tx.Delete(feed.IDsBucket, id) }), 0, one, "not listed"},
		{"ids/added", add(feed.IDsBucket, "x", "y"), None, "", "feed.ids has 9 rows"},
		{"subjects/value", value(feed.SubjectsBucket, []byte(four), flip(7)), 7, four, "chain does not end"},
		{"subjects/missing", remove(feed.SubjectsBucket, []byte(two)), 6, two, "chain is missing"},
		{"subjects/added", add(feed.SubjectsBucket, "problems/9", "x"), None, "problems/9", "a chain and no entry"},
		{"openings/value", opening(4, func(tx store.Tx, d []byte) error { return value(feed.OpeningsBucket, d, flip(-1))(tx) }), 4, four, "should open its commitment office does not"},
		{"openings/garbage", opening(4, func(tx store.Tx, d []byte) error { return tx.Put(feed.OpeningsBucket, d, []byte{0xff}) }), 4, four, "should open its commitment office does not"},
		{"openings/missing", opening(4, func(tx store.Tx, d []byte) error { return tx.Delete(feed.OpeningsBucket, d) }), 4, four, "MISSING"},
		{"openings/added", add(feed.OpeningsBucket, "x", "y"), None, "", "feed.openings has 13 rows"},
		{"meta/head", value(feed.MetaBucket, []byte(feed.HeadKey), flip(-1)), None, "", "head"},
		{"meta/no head", remove(feed.MetaBucket, []byte(feed.HeadKey)), None, "", "head"},
		{"meta/checkpoint", value(feed.MetaBucket, []byte(feed.CheckpointKey), flip(-3)), None, "", "the checkpoint does not hold"},
		{"meta/no checkpoint", remove(feed.MetaBucket, []byte(feed.CheckpointKey)), None, "", "8 entries, and 0 are signed"},
		{"record/value", value(problems, []byte(one), flip(-1)), 5, one, "differs"},
		{"record/garbage", value(problems, []byte(one), func([]byte) []byte { return []byte{0xff} }), 5, one, "cannot be read"},
		{"record/missing", remove(cards, []byte("cards/3")), 2, "cards/3", "its record is missing"},
		{"record/added", add(cards, "cards/9", ""), None, "cards/9", "Card has no entry"},
		{"record/deleted one", add(problems, two, ""), 6, two, "there is a Problem"},
		{"record/of another type", add(cards, one, ""), 5, one, "there is a Card"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := written(t)
			f.Forge = true
			f.Update(t, tt.do)
			got := verdict(t, f)
			if got.First == nil {
				t.Fatal("nothing was found")
			}
			if got.First.Seq != tt.seq || got.First.Subject != tt.subject || !strings.Contains(got.First.What, tt.what) {
				t.Errorf("got %+v, want entry %d, %q, … %s …", *got.First, tt.seq, tt.subject, tt.what)
			}
		})
	}
}

// TestTheFirstIsNearestToTheCause has several things wrong at once.
func TestTheFirstIsNearestToTheCause(t *testing.T) {
	f := written(t)
	f.Forge = true
	f.Update(t, remove(problems, []byte("problems/1")))
	f.Update(t, remove(problems, []byte("problems/4")))
	if got := verdict(t, f); got.Wrong != 2 || got.First.Seq != 5 {
		t.Errorf("two records: got %+v, %+v", got, got.First)
	}
	f.Update(t, value(feed.MetaBucket, []byte(feed.CheckpointKey), flip(-3)))
	if got := verdict(t, f); got.First.Seq != None {
		t.Errorf("and the checkpoint: got %+v", got.First)
	}
	f.Update(t, value(feed.HashesBucket, seqKey(6), flip(0)))
	if got := verdict(t, f); got.First.Seq != 6 {
		t.Errorf("and a leaf: got %+v", got.First)
	}
}

// TestALogInAnothersPlace: that it is another's is said before what follows from it.
func TestALogInAnothersPlace(t *testing.T) {
	f := written(t)
	key, err := note.NewEd25519VerifierKey("test.example/a/complaint/1", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	report, err := run(t.Context(), f.Engine, Expect{Verifier: verifier}, feedtest.Types(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := report.First; got == nil || got.Seq != None || got.What != "it is the log "+feedtest.Origin+", in the place of test.example/a/complaint/1" {
		t.Errorf("got %+v", got)
	}
}

// TestWhatFollowsAGapIsNotWrong: the entries behind one that is missing, or beside which
// there is more, are looked at under their own numbers.
func TestWhatFollowsAGapIsNotWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		do    func(store.Tx) error
		wrong uint64
	}{
		"one is missing": {remove(feed.EntriesBucket, seqKey(3)), 3}, // with the rev of the next and its openings
		"the first is":   {remove(feed.EntriesBucket, seqKey(0)), 3},
		"a longer key":   {add(feed.EntriesBucket, string(seqKey(3))+"x", ""), 1},
		"a shorter key":  {add(feed.EntriesBucket, string(seqKey(3)[:7]), ""), 1},
		"two are missing": {func(tx store.Tx) error {
			return errors.Join(remove(feed.EntriesBucket, seqKey(1))(tx), remove(feed.EntriesBucket, seqKey(2))(tx))
		}, 5}, // with the chain and the record of the second
	} {
		f := written(t)
		f.Forge = true
		f.Update(t, tt.do)
		if got := verdict(t, f); got.Wrong != tt.wrong || !strings.Contains(got.First.What, "no entry stands under") {
			t.Errorf("%s: got %+v, %+v, want %d wrong", name, got, got.First, tt.wrong)
		}
	}
}

func TestForeignKey(t *testing.T) {
	f := written(t)
	other, err := note.NewEd25519VerifierKey(feedtest.Origin, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(other)
	if err != nil {
		t.Fatal(err)
	}
	report, err := run(t.Context(), f.Engine, Expect{Verifier: verifier}, feedtest.Types(t))
	if err != nil || report.First == nil || !strings.Contains(report.First.What, "the checkpoint does not hold") {
		t.Errorf("got %+v, %v", report.First, err)
	}
}

func TestCheckHonoursContext(t *testing.T) {
	f := written(t)
	verifier, err := note.NewVerifier(f.Log.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(ctx, f.Engine, Expect{Verifier: verifier}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzEntry takes any bytes for the log's first entry: that must end, without
// an error or a panic.
func FuzzEntry(f *testing.F) {
	fixture := written(f)
	for seq := range uint64(8) {
		fixture.View(f, func(tx store.Tx) error {
			b, err := tx.Get(feed.EntriesBucket, seqKey(seq))
			f.Add(b)
			return err
		})
	}
	verifier, err := note.NewVerifier(fixture.Log.VerifierKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, wrong := parse(b)
		if wrong == nil && (e.GetVersion() != 1 || len(e.GetId()) != 16 || e.GetSubject() == "" || !e.GetAt().IsValid()) {
			t.Errorf("%x was taken for an entry", b)
		}
		err := fixture.Engine.View(t.Context(), func(tx store.Tx) error {
			c := newCheck(tx, Expect{Verifier: verifier}, feedtest.Types(t))
			return c.entry(store.Entry{Key: seqKey(0), Value: b})
		})
		if err != nil {
			t.Error(err)
		}
	})
}
