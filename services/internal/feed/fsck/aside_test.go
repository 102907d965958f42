package fsck

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

const (
	titles, notes = problems + ".title", problems + ".note"

	picture = "a picture"
	request = "members/1\x00id"
	at      = "\x00\x00\x01\x9a\x00\x00\x00\x01" // when request was remembered

	earlier     = "members/1\x00old" // of a build that kept no sums
	remembering = at + "dddddddddddddddddddddddddddddddd" + "\x00\x00\x00\x07units/1" + "\x0a\x06answer"
)

func summed(content string) string {
	sum := sha256.Sum256([]byte(content))
	return string(sum[:])
}

// digestOf is the name of a file by what it holds.
func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// whole is the written log with everything that lies beside it: two indexes, a
// file and its record, a remembered request and a bucket of the service's own.
func whole(t *testing.T) (*feedtest.Fixture, fstest.MapFS) {
	f := written(t)
	f.Update(t, func(tx store.Tx) error {
		a := &blobv1.Attachment{Name: "attachments/1", Digest: digestOf(picture), Size: int64(len(picture)), MediaType: "image/png"}
		return f.Write(tx, a.ProtoReflect().Type(), a.GetName(), a)
	})
	f.Forge = true
	for _, row := range [][3]string{
		{titles, "title 5\x00problems/1"},
		{titles, "title 7\x00problems/4"},
		{notes, "a\x00problems/1"}, {notes, "b\x00problems/1"}, {notes, "a\x00problems/4"}, {notes, "b\x00problems/4"},
		{requestsBucket, request, remembering},
		{agesBucket, at + request, summed(request + remembering)},
		{requestsBucket, earlier, remembering},
		{agesBucket, at + earlier},
		{"codes", "x", "y"}, {"uses", "x", ""},
	} {
		f.Update(t, add(row[0], row[1], row[2]))
	}
	digest := digestOf(picture)
	return f, fstest.MapFS{digest[:2] + "/" + digest: {Data: []byte(picture)}}
}

// held is what Check says of it.
func held(t *testing.T, f *feedtest.Fixture, files *Files) Report {
	t.Helper()
	verifier, err := note.NewVerifier(f.Log.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	types := feedtest.Types(t)
	if err := types.RegisterMessage((*blobv1.Attachment)(nil).ProtoReflect().Type()); err != nil {
		t.Fatal(err)
	}
	report, err := run(t.Context(), f.Engine, Expect{
		Verifier: verifier, Files: files,
		Schema: store.Schema{Indexes: map[string][]string{problems: {"title", "note"}}, Buckets: []string{"codes", "uses"}, Forms: map[string]store.Form{
			"codes": store.Shaped(func(_, value []byte) bool { return len(value) == 1 }), "uses": store.Of("codes", store.Same),
		}},
	}, types)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestNothingIsWrongBeside(t *testing.T) {
	f, folder := whole(t)
	files := NewFiles(folder)
	if got, want := held(t, f, files), (Report{Entries: 9, Subjects: 5, Openings: 12, Rows: 6, Files: 1}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %+v, want %+v", got, got.First, want)
	}
	for name := range map[string]bool{"new-123": true, "aa/" + digestOf("else"): true, "aa/" + digestOf(picture): true} {
		folder[name] = &fstest.MapFile{}
	}
	if n, err := files.Orphans(t.Context()); n != 3 || err != nil {
		t.Errorf("%d orphans, %v, want 3", n, err)
	}
}

func TestWhatIsWrongBesideIsNamed(t *testing.T) {
	const one = "problems/1"
	for _, tt := range []struct {
		name    string
		do      func(store.Tx) error
		seq     int64
		subject string
		what    string
	}{
		{"index/row lost", remove(titles, []byte("title 5\x00"+one)), 5, one, titles + ` does not have it under "title 5"`},
		{"index/row of a list lost", remove(notes, []byte("b\x00"+one)), 5, one, notes + ` does not have it under "b"`},
		{"index/row of another value", add(titles, "title 0\x00"+one, ""), 5, one, titles + ` has it under "title 0"`},
		{"index/row without a record", add(notes, "a\x00problems/2", ""), None, "problems/2", notes + ` has it under "a", and there is no such record`},
		{"index/no row at all", add(titles, "title", ""), None, "", `the row "title", which is none`},
		{"index/row with a value", add(titles, "title 5\x00"+one, "x"), None, "", "which is none"},
		{"requests/age lost", remove(agesBucket, []byte(at+request)), None, "", "would never be forgotten"},
		{"requests/request lost", remove(requestsBucket, []byte(request)), None, "", agesBucket + " has 0000019a"},
		{"requests/time", value(requestsBucket, []byte(request), flip(7)), None, "", "would never be forgotten"},
		{"requests/second age", add(agesBucket, strings.Repeat("\x00", 8)+request, ""), None, "", "at another time"},
		{"requests/short age", add(agesBucket, "x", ""), None, "", agesBucket + " has 78, and"},
		{"requests/garbage", value(requestsBucket, []byte(request), func(b []byte) []byte { return b[:20] }), None, "", "no remembered request"},
		{"requests/units", value(requestsBucket, []byte(request), flip(40)), None, "", "no remembered request"},
		{"requests/answer", value(requestsBucket, []byte(request), flip(-1)), None, "", "another answer than was remembered"},
		{"requests/digest", value(requestsBucket, []byte(request), flip(8)), None, "", "another answer than was remembered"},
		{"requests/of another", add(requestsBucket, request, at+remembering[8:len(remembering)-1]+"x"), None, "", "another answer than was remembered"},
		{"requests/sum", value(agesBucket, []byte(at+request), flip(0)), None, "", "another answer than was remembered"},
		{"requests/half a sum", value(agesBucket, []byte(at+request), func(b []byte) []byte { return b[:16] }), None, "", "another answer than was remembered"},
		{"requests/no message", value(requestsBucket, []byte(earlier), func(b []byte) []byte { return b[:len(b)-1] }), None, "", "another answer than was remembered"},
		{"meta/unknown", add(feed.MetaBucket, "x", "y"), None, "", `feed.meta has under "x" what nobody reads`},
		{"tail/aim of one byte", add(feed.MetaBucket, feed.LostKey, "x"), None, "", "does not lead to where the log was"},
		{"tail/garbage", add(feed.LostBucket, string(seqKey(9)), "\xff"), None, "", "feed.lost is damaged: what it has under 0000000000000009 is not entry 9"},
		{"tail/gap", add(feed.LostBucket, string(seqKey(10)), "\xff"), None, "", "feed.lost is damaged: what it has under 000000000000000a is not entry 9"},
		{"form/of the row", add("codes", "z", "yy"), None, "", `codes has under "z" what the service does not write`},
		{"form/of what it belongs to", remove("codes", []byte("x")), None, "", `uses has under "x" what belongs to nothing in codes`},
		{"bucket/unknown", add("elsewhere", "x", ""), None, "", `the bucket "elsewhere"`},
		{"bucket/index of another field", add(problems+".officer", "x", ""), None, "", `the bucket "` + problems + `.officer"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, folder := whole(t)
			f.Update(t, tt.do)
			got := held(t, f, NewFiles(folder))
			if got.First == nil {
				t.Fatal("nothing was found")
			}
			if got.First.Seq != tt.seq || got.First.Subject != tt.subject || !strings.Contains(got.First.What, tt.what) {
				t.Errorf("got %+v, want entry %d, %q, … %s …", *got.First, tt.seq, tt.subject, tt.what)
			}
		})
	}
}

// TestATailThatWaitsIsSaid: what a log takes over at its next start is no error, as long as
// it leads to where the log was.
func TestATailThatWaitsIsSaid(t *testing.T) {
	f, folder := whole(t)
	at := timestamppb.New(f.Now)
	raw, err := proto.Marshal(&feedv1.Entry{Version: 1, Seq: 9, Id: make([]byte, 16), At: at, Effective: at, Kind: "problem.changed", Subject: "problems/1"})
	if err != nil {
		t.Fatal(err)
	}
	row, err := proto.Marshal(&feedv1.Record{Seq: 9, Entry: raw})
	if err != nil {
		t.Fatal(err)
	}
	f.Update(t, add(feed.LostBucket, string(seqKey(9)), string(row)))
	if got := held(t, f, NewFiles(folder)); got.Wrong > 0 || got.Waiting != 1 {
		t.Errorf("before all of it came: %+v, %+v", got, got.First)
	}
	var grown tree
	f.Update(t, func(tx store.Tx) error {
		for row, err := range tx.Scan(feed.EntriesBucket, nil, nil) {
			if err != nil {
				return err
			}
			grown.push(tlog.RecordHash(row.Value))
		}
		return nil
	})
	grown.push(tlog.RecordHash(raw))
	root := grown.root()
	f.Update(t, add(feed.MetaBucket, feed.LostKey, string(seqKey(10))+string(root[:])))
	if got := held(t, f, NewFiles(folder)); got.Wrong > 0 || got.Waiting != 1 {
		t.Errorf("when all of it came: %+v, %+v", got, got.First)
	}
	f.Update(t, value(feed.MetaBucket, []byte(feed.LostKey), flip(-1)))
	if got := held(t, f, NewFiles(folder)); got.Wrong != 1 {
		t.Errorf("when it leads elsewhere: %+v", got)
	}
}

// An empty bucket is what an undone change leaves.
func TestEmptyBucketsAreNothing(t *testing.T) {
	f, folder := whole(t)
	f.Update(t, add("elsewhere", "x", ""))
	f.Update(t, remove("elsewhere", []byte("x")))
	if got := held(t, f, NewFiles(folder)); got.Wrong > 0 {
		t.Errorf("got %+v", got.First)
	}
}

func TestWhatIsWrongWithFilesIsNamed(t *testing.T) {
	for what, change := range map[string]func(fstest.MapFS, string){
		"is missing":                         func(folder fstest.MapFS, file string) { delete(folder, file) },
		"does not hold what its digest says": func(folder fstest.MapFS, file string) { folder[file].Data[0] ^= 1 },
	} {
		t.Run(what, func(t *testing.T) {
			f, folder := whole(t)
			change(folder, digestOf(picture)[:2]+"/"+digestOf(picture))
			got := held(t, f, NewFiles(folder))
			if got.First == nil || got.First.Seq != 8 || got.First.Subject != "attachments/1" || !strings.Contains(got.First.What, what) {
				t.Errorf("got %+v, want entry 8, attachments/1, %s", got.First, what)
			}
		})
	}
}
