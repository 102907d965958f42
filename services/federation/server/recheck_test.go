package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/recheck"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
)

// tampered is what was found after a row of the store was changed, which is put
// back: the mirror that is wrong first, and what is wrong with it. The row is the
// bucket's first, unless a key is given.
func tampered(t *testing.T, n *node, bucket, key string, change func([]byte) []byte) (string, fsck.Report) {
	t.Helper()
	was := []byte(nil)
	put := func(change func([]byte) []byte) {
		n.must(n.engines["federation"].Update(t.Context(), func(tx store.Tx) error {
			for row, err := range tx.Scan(bucket, []byte(key), nil) {
				if was == nil {
					was, key = slices.Clone(row.Value), string(row.Key)
				}
				return errors.Join(err, tx.Put(bucket, row.Key, change(slices.Clone(row.Value))))
			}
			return fmt.Errorf("%s has no row", bucket)
		}))
	}
	put(change)
	name, found := rechecked(t, n)
	put(func([]byte) []byte { return was })
	return name, found
}

// rechecked returns the first mirror that is wrong.
func rechecked(t testing.TB, n *node) (name string, found fsck.Report) {
	t.Helper()
	entries := uint64(0)
	n.must(recheck.Check(t.Context(), n.engines["federation"], n.cosigner().VerifierKey(), func(mirror string, r fsck.Report) {
		entries += r.Entries
		if r.Wrong > 0 && name == "" {
			name, found = mirror, r
		}
	}))
	if entries == 0 {
		t.Error("nothing was looked at")
	}
	return name, found
}

func flipped(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
}

// edited changes a stored message.
func edited[M proto.Message](m M, change func(M)) func([]byte) []byte {
	return func(b []byte) []byte {
		proto.Reset(m)
		if err := proto.Unmarshal(b, m); err != nil {
			panic(err)
		}
		change(m)
		b, _ = proto.MarshalOptions{Deterministic: true}.Marshal(m)
		return b
	}
}

// TestAChangedByteInAMirrorIsFound: whatever is changed of what came from below,
// at whichever level, the mirror and its first wrong entry are named.
func TestAChangedByteInAMirrorIsFound(t *testing.T) {
	top, middle, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104")
	top.enrol(middle)
	middle.enrol(low)
	low.work(12)
	middle.work(3)
	stopLow := low.push(middle.up(), middle.cosigner().VerifierKey())
	agrees(t, middle, low, "rectification")
	stop := middle.push(top.up(), top.cosigner().VerifierKey())
	agrees(t, top, low, "rectification")
	agrees(t, top, middle, "rectification")
	stopLow()
	stop()
	if name, found := rechecked(t, top); name != "" {
		t.Fatalf("%s is wrong before anything was changed: %+v", name, found.First)
	}
	const city, district = "510100.rectification/1", "510104~510104.rectification/1"
	seq := func(n byte) string { return strings.Repeat("\x00", 7) + string(rune(n)) }
	for _, c := range []struct {
		name, bucket, key string
		change            func([]byte) []byte
		mirror            string
		seq               int64
		what              string
	}{
		{"an entry", "mirror/" + district + "/feed.entries", seq(5), flipped(-1), district, 5, "leaf hash"},
		{"an entry further up", "mirror/" + city + "/feed.entries", seq(2), flipped(-1), city, 2, "leaf hash"},
		{"a leaf", "mirror/" + district + "/feed.hashes", seq(7), flipped(0), district, 7, "leaf hash"},
		{"a node", "mirror/" + district + "/feed.hashes", seq(7), flipped(-1), district, 7, "nodes above"},
		{"an opening", "mirror/" + district + "/feed.openings", seq(3), flipped(-1), district, 3, "commitment office"},
		{"an id", "mirror/" + district + "/feed.ids", "", flipped(-1), district, fsck.None - 1, "listed for another"},
		{"a chain", "mirror/" + district + "/feed.subjects", "", flipped(-1), district, fsck.None - 1, "chain does not end"},
		{"the checkpoint's size", "mirror/" + district + "/feed.meta", "checkpoint", flipped(40), district, fsck.None, "the checkpoint does not hold"},
		{"our cosignature", "mirror/" + district + "/feed.meta", "checkpoint", func(b []byte) []byte {
			b[len(b)-20] = "AB"[bytes.Count(b[len(b)-20:len(b)-19], []byte("A"))] // of base64, like what was there
			return b
		}, district, fsck.None, "not cosigned"},
		{"what covers it", "mirror/" + district + "/cover", "", flipped(5), district, fsck.None, "is not shown"},
		{"when it was cosigned", "mirror/" + district + "/cosigned", "", func([]byte) []byte { return nil }, district, fsck.None, "cannot be read"},
		{"the key", "mirrors", "510104~510104.rectification", edited(&federationv1.Mirror{}, func(m *federationv1.Mirror) {
			m.VerifierKey = top.logs["federation"].VerifierKey()
		}), district, fsck.None, "not enrolled"},
		{"the size", "mirrors", "510104~510104.rectification", edited(&federationv1.Mirror{}, func(m *federationv1.Mirror) { m.Size++ }), district, fsck.None, "its row says 13"},
		{"the row", "mirrors", "510104~510104.rectification", func([]byte) []byte { return []byte{0xff} }, "mirrors", fsck.None, "cannot be read"},
		{"whom another has enrolled", "relayed", "", flipped(-1), "mirrors", fsck.None, "no log says"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, found := tampered(t, top, c.bucket, c.key, c.change)
			if name != c.mirror {
				t.Fatalf("the first mirror that is wrong is %q, want %q: %+v", name, c.mirror, found.First)
			}
			if c.mirror != "" && (c.seq >= fsck.None && found.First.Seq != c.seq || !strings.Contains(found.First.What, c.what)) {
				t.Errorf("got %+v, want entry %d, … %s …", *found.First, c.seq, c.what)
			}
		})
	}
	if name, found := rechecked(t, top); name != "" {
		t.Errorf("%s is wrong after all was put back: %+v", name, found.First)
	}
}
