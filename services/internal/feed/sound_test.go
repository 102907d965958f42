package feed_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// filled has n entries.
func filled(t *testing.T, n int) *feedtest.Fixture {
	t.Helper()
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) (err error) {
		for i := range n {
			name := fmt.Sprint("cards/", i)
			err = errors.Join(err, f.Write(tx, feedtest.Card, name, feedtest.New(feedtest.Card, "name", name)))
		}
		return err
	})
	return f
}

// sound is what a log with the key of that seed says of what lies in f.
func sound(t *testing.T, f *feedtest.Fixture, seed byte) (err error) {
	t.Helper()
	log, failed := feed.New(feed.Config{
		Name: "test", Origin: feedtest.Origin, Now: time.Now, Random: rand.Reader,
		Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)),
	})
	if failed != nil {
		t.Fatal(failed)
	}
	f.View(t, func(tx store.Tx) error {
		err = log.Sound(tx)
		return nil
	})
	return err
}

func TestAnHonestLogIsSound(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, feed.Recent - 1, feed.Recent, 2*feed.Recent + 5} {
		f := filled(t, n)
		if err := sound(t, f, 0); err != nil {
			t.Errorf("of %d entries: %v", n, err)
		}
	}
}

func at(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// flip changes the byte of a row that is so far from its beginning.
func flip(bucket string, key []byte, i int) func(store.Tx) error {
	return func(tx store.Tx) error {
		b, err := tx.Get(bucket, key)
		if err != nil {
			return err
		}
		b = bytes.Clone(b)
		b[i] ^= 1
		return tx.Put(bucket, key, b)
	}
}

// forge rewrites an entry together with its leaf.
func forge(seq uint64) func(store.Tx) error {
	return func(tx store.Tx) error {
		if err := flip(feed.EntriesBucket, at(seq), 20)(tx); err != nil {
			return err
		}
		entry, err := tx.Get(feed.EntriesBucket, at(seq))
		if err != nil {
			return err
		}
		row, err := tx.Get(feed.HashesBucket, at(seq))
		if err != nil {
			return err
		}
		leaf := tlog.RecordHash(entry)
		return tx.Put(feed.HashesBucket, at(seq), append(leaf[:], row[tlog.HashSize:]...))
	}
}

// forgeLast rewrites the last entry with every hash that it completes, as one does
// who has read how.
func forgeLast(seq uint64) func(store.Tx) error {
	return func(tx store.Tx) error {
		if err := forge(seq)(tx); err != nil {
			return err
		}
		row, err := tx.Get(feed.HashesBucket, at(seq))
		if err != nil {
			return err
		}
		nodes, err := tlog.StoredHashesForRecordHash(int64(seq), tlog.Hash(row[:tlog.HashSize]), (&feed.Log{}).Nodes(tx))
		if err != nil {
			return err
		}
		var all []byte
		for _, n := range nodes {
			all = append(all, n[:]...)
		}
		return tx.Put(feed.HashesBucket, at(seq), all)
	}
}

func setBack(size uint64) func(store.Tx) error {
	return func(tx store.Tx) error {
		return tx.Put(feed.MetaBucket, []byte(feed.HeadKey), append(at(size), at(1)...))
	}
}

// waits is an entry of a tail, as it is set aside.
func waits(t *testing.T, seq uint64) []byte {
	t.Helper()
	b, err := proto.Marshal(&feedv1.Entry{Seq: seq, Id: make([]byte, 16)})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = proto.Marshal(&feedv1.Record{Seq: seq, Entry: b}); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestATailThatWaitsIsSound, as far as it came.
func TestATailThatWaitsIsSound(t *testing.T) {
	f := filled(t, 3)
	for seq := uint64(3); seq < 6; seq++ {
		f.Update(t, func(tx store.Tx) error { return tx.Put(feed.LostBucket, at(seq), waits(t, seq)) })
		if err := sound(t, f, 0); err != nil {
			t.Errorf("with entry %d, Sound = %v", seq, err)
		}
	}
}

// TestATamperedLogIsNotSound: whatever was changed at the log's end without its
// key is named, and so is a key that is not its own.
func TestATamperedLogIsNotSound(t *testing.T) {
	const n = 70
	meta, text := feed.MetaBucket, []byte(feed.CheckpointKey)
	for name, c := range map[string]struct {
		do   func(store.Tx) error
		want string
	}{
		"the last entry":          {flip(feed.EntriesBucket, at(n-1), 20), "entry 69 does not have the hashes"},
		"the last with its leaf":  {forge(n - 1), "entry 69 does not have the hashes"},
		"the last with all above": {forgeLast(n - 1), "the root of its 70 entries"},
		"one within a subtree":    {forge(n - 8), "does not have the hashes"},
		"an inner node":           {flip(feed.HashesBucket, at(63), tlog.HashSize+3), "entry 63 does not have the hashes"},
		"a root of a subtree":     {flip(feed.HashesBucket, at(63), 6*tlog.HashSize), "the root of its 70 entries"},
		"a lost entry":            {func(tx store.Tx) error { return tx.Delete(feed.EntriesBucket, at(n-2)) }, "reading entry 68"},
		"a lost row of hashes":    {func(tx store.Tx) error { return tx.Delete(feed.HashesBucket, at(63)) }, "hashes of entry 63"},
		"a head that is set back": {setBack(n - 1), "it has 69 entries, and 70 are signed"},
		"a head that is ahead":    {setBack(n + 1), "it has 71 entries, and 70 are signed"},
		"no checkpoint": {func(tx store.Tx) error { return tx.Delete(meta, text) },
			"it has 70 entries, and 0 are signed"},
		"neither head nor checkpoint": {func(tx store.Tx) error {
			return errors.Join(tx.Delete(meta, text), tx.Delete(meta, []byte(feed.HeadKey)))
		}, "stands behind its end"},
		"a signature": {flip(meta, text, 180), "the checkpoint"},
		"a size":      {flip(meta, text, len(feedtest.Origin)+1), "the checkpoint"},
		"a cut head":  {func(tx store.Tx) error { return tx.Put(meta, []byte(feed.HeadKey), at(n)) }, "head has 8 bytes"},
		"garbage that waits": {func(tx store.Tx) error { return tx.Put(feed.LostBucket, []byte("x"), []byte("x")) },
			"feed.lost is damaged: what it has under 78 is not entry 70"},
		"an empty row that waits": {func(tx store.Tx) error { return tx.Put(feed.LostBucket, at(n), nil) }, "is not entry 70"},
		"one that waits behind a gap": {func(tx store.Tx) error {
			return tx.Put(feed.LostBucket, at(n+1), waits(t, n+1))
		}, "is not entry 70"},
		"one that waits elsewhere": {func(tx store.Tx) error { return tx.Put(feed.LostBucket, at(n), waits(t, n+1)) }, "is not entry 70"},
		"the second is garbage": {func(tx store.Tx) error {
			return errors.Join(tx.Put(feed.LostBucket, at(n), waits(t, n)), tx.Put(feed.LostBucket, at(n+1), []byte("x")))
		}, "is not entry 71"},
		"no note at all": {func(tx store.Tx) error { return tx.Put(meta, text, []byte("70")) }, "the checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			f := filled(t, n)
			f.Forge = true
			f.Update(t, c.do)
			if err := sound(t, f, 0); !errors.Is(err, feed.ErrUnsound) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Sound = %v, want ErrUnsound that says %q", err, c.want)
			}
		})
	}
	if err := sound(t, filled(t, 3), 1); !errors.Is(err, feed.ErrUnsound) || !strings.Contains(err.Error(), "it is another installation's") {
		t.Errorf("with another key, Sound = %v", err)
	}
}

// TestNothingSmallerIsSigned: a size below one that was signed would be a second
// history.
func TestNothingSmallerIsSigned(t *testing.T) {
	f := filled(t, 3)
	f.Forge = true
	f.Update(t, setBack(2))
	f.Forge = false
	err := f.Engine.Update(t.Context(), func(tx store.Tx) error {
		return tx.Put("test.other", []byte("a"), []byte("b"))
	})
	if !errors.Is(err, feed.ErrUnsound) {
		t.Errorf("Seal = %v, want ErrUnsound", err)
	}
}
