package recheck_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/complaint/recheck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

const (
	contents   = "complaint.contents"
	identities = "complaint.identities"
	receipts   = "complaint.receipts"
)

// stored is a store that a test fills.
type stored struct {
	t  *testing.T
	tx store.Tx
}

func (s stored) row(bucket, key, value string) []byte {
	s.t.Helper()
	if err := s.tx.Put(bucket, []byte(key), []byte(value)); err != nil {
		s.t.Fatal(err)
	}
	return complaint.Row{Bucket: bucket, Key: []byte(key), Value: []byte(value)}.Digest()
}

func (s stored) commits(name string, d *complaintv1.Digests) {
	s.t.Helper()
	b, err := proto.Marshal(&complaintv1.Complaint{Name: name, Digests: d})
	if err != nil {
		s.t.Fatal(err)
	}
	s.row("duban.complaint.v1.Complaint", name, string(b))
}

// found is what is called wrong of a store.
func found(t *testing.T, fill func(stored)) (all []string) {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "complaint.db"), bolt.Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		fill(stored{t, tx})
		return recheck.Cases(tx, func(name, what string) { all = append(all, name+": "+what) })
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		fill func(stored)
		want string
	}{
		"nothing": {func(stored) {}, ""},
		"whole": {func(s stored) {
			s.commits("c/1", &complaintv1.Digests{Content: s.row(contents, "c/1", "x"), Identity: s.row(identities, "c/1", "y"), Receipt: s.row(receipts, "k", "c/1")})
		}, ""},
		"from before digests were kept": {func(s stored) {
			s.row(contents, "c/1", "x")
			s.row(identities, "c/1", "y")
			s.row(receipts, "k", "c/1")
			s.commits("c/1", nil)
		}, ""},
		"identity and content shredded": {func(s stored) {
			s.commits("c/1", &complaintv1.Digests{Receipt: s.row(receipts, "k", "c/1")})
		}, ""},
		"receipt shredded": {func(s stored) { s.commits("c/1", &complaintv1.Digests{}) }, ""},
		"shredded and still there": {func(s stored) {
			s.row(identities, "c/1", "y")
			s.row(receipts, "k", "c/1")
			s.commits("c/1", &complaintv1.Digests{})
		}, "c/1: complaint.identities has a row of it, and it commits to none|c/1: complaint.receipts has a row that leads to it and is not its own"},
		"all deleted": {func(s stored) {
			s.commits("c/1", &complaintv1.Digests{Content: []byte("x"), Identity: []byte("y"), Receipt: []byte("z")})
		}, "c/1: its row in complaint.contents is missing|c/1: its row in complaint.identities is missing|c/1: its row in complaint.receipts is missing or altered"},
		"digests of other buckets": {func(s stored) {
			s.commits("c/1", &complaintv1.Digests{Identity: s.row(contents, "c/1", "x"), Content: s.row(identities, "c/1", "x")})
		}, "c/1: its row in complaint.contents is not the one that it commits to|c/1: its row in complaint.identities is not the one that it commits to"},
		"rows of nobody": {func(s stored) {
			s.row(contents, "c/1", "x")
			s.row(receipts, "k", "c/1")
		}, ": complaint.receipts has a row that leads to no case|c/1: complaint.contents has a row of it, and there is no such case"},
		"a record that cannot be read": {func(s stored) {
			s.row(contents, "c/1", "x")
			s.row(receipts, "k", "c/1")
			s.row("duban.complaint.v1.Complaint", "c/1", "\xff")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(found(t, tt.fill), "|"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
