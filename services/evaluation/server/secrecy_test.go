package server_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/evaluation/recheck"
	"github.com/duban-project/duban/services/evaluation/server"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// emptied are the buckets that closing or voiding a round clears.
var emptied = []string{"ballot.peppers", "ballot.codes", "ballot.staged", "ballot.waiting"}

// buckets are all that an evaluation store may have; a new one must be thought
// about here and in the README.
var buckets = []string{
	"ballot.final",
	"duban.evaluation.v1.BallotBatch",
	"duban.evaluation.v1.Result",
	"duban.evaluation.v1.Round", "duban.evaluation.v1.Round.owner", "duban.evaluation.v1.Round.subjects",
	"requests", "requests.age",
	"store", // its version alone
}

// TestNothingLinksACodeToABallotAfterwards reads the store of a closed round as
// an administrator would who has the codes, the receipts and the file.
func TestNothingLinksACodeToABallotAfterwards(t *testing.T) {
	s := suitetest.Run(t)
	w := populate(s)
	name := w.open("secret")
	req := &evaluationv1.IssueCredentialsRequest{Parent: name, Group: "served", Count: 6, RequestId: "issue"}
	codes := suitetest.OK[*evaluationv1.IssueCredentialsResponse](t)(w.Evaluation(w.registrar.Key).IssueCredentials(t.Context(), req)).GetCodes()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", "a-header-that-is-kept-nowhere")
	var receipts []string
	for i, code := range codes {
		ballot := w.answers([]string{"satisfied", "fairly", "unsatisfied"}[i%3], "fairly")
		cast := suitetest.OK[*evaluationv1.CastBallotResponse](t)(w.Evaluation("").CastBallot(ctx, &evaluationv1.CastBallotRequest{Parent: name, Code: code, Answers: ballot}))
		receipts = append(receipts, cast.GetReceipt())
	}
	if err := w.voids(w.head, w.open("mistaken", w.another("s3"))); err != nil {
		t.Error(err)
	}
	w.closed(name)
	w.tallied(name)
	w.published(name)
	cp := suitetest.OK[*feedv1.Checkpoint](t)(feedv1.NewFeedServiceClient(w.As(w.Auditor)).GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/evaluation"}))
	s.Stop()

	engine := suitetest.OK[store.Engine](t)(bolt.Open(s.Store("evaluation"), bolt.Options{}))
	report := suitetest.OK[fsck.Report](t)(fsck.Check(t.Context(), engine, fsck.Expect{
		Verifier: suitetest.OK[note.Verifier](t)(note.NewVerifier(cp.GetVerifierKey())), Schema: server.Schema, Beside: recheck.Ballots,
	}))
	if report.Wrong > 0 {
		t.Errorf("feed and records disagree: %+v", report.First)
	}
	err := engine.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range emptied {
			for e := range tx.Scan(bucket, nil, nil) {
				t.Errorf("%s still has %x", bucket, e.Key)
			}
		}
		ballotsAreFiledByReceiptAlone(t, tx, name, receipts)
		entriesNameNobody(t, tx, receipts)
		for _, bucket := range buckets {
			traceless(t, tx, bucket, codes, receipts)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	bucketsAre(t, s.Store("evaluation"), codes)
}

// ballotsAreFiledByReceiptAlone checks that a ballot has nothing beside it.
func ballotsAreFiledByReceiptAlone(t *testing.T, tx store.Tx, round string, receipts []string) {
	var filed []string
	for e, err := range tx.Scan("ballot.final", nil, nil) {
		o := &evaluationv1.BallotOpening{}
		if err != nil || proto.Unmarshal(e.Value, o) != nil || len(o.ProtoReflect().GetUnknown()) > 0 {
			t.Fatalf("a ballot that cannot be read: %v", err)
		}
		receipt := evaluation.Receipt(round, e.Value)
		if want := append([]byte(round+"\x00"), receipt[:]...); !bytes.Equal(e.Key, want) {
			t.Errorf("a ballot lies under %x, want %x", e.Key, want)
		}
		if len(o.GetSalt()) != evaluation.SaltSize || len(o.GetChoices()) != 10 {
			t.Errorf("a ballot has %d bytes of salt and %d choices", len(o.GetSalt()), len(o.GetChoices()))
		}
		filed = append(filed, hex.EncodeToString(receipt[:]))
	}
	slices.Sort(receipts)
	if !slices.Equal(filed, receipts) {
		t.Errorf("filed %v, want %v", filed, receipts)
	}
}

// entriesNameNobody checks the entries in which ballots reach the feed.
func entriesNameNobody(t *testing.T, tx store.Tx, receipts []string) {
	found := 0
	for row, err := range tx.Scan(feed.EntriesBucket, nil, nil) {
		e := &feedv1.Entry{}
		if err != nil || proto.Unmarshal(row.Value, e) != nil {
			t.Fatalf("an entry that cannot be read: %v", err)
		}
		if e.GetKind() != "evaluation.ballots.appended.v1" {
			continue
		}
		batch := &evaluationv1.BallotBatch{}
		if err := e.GetBody().UnmarshalTo(batch); err != nil {
			t.Fatal(err)
		}
		if e.GetActor() != nil || !e.GetEffective().AsTime().Equal(calendar.On(suitetest.Start).Start()) {
			t.Errorf("a batch by %v at %v; want nobody and a whole day", e.GetActor(), e.GetEffective().AsTime())
		}
		if !slices.IsSortedFunc(batch.GetCommitments(), bytes.Compare) || int(batch.GetCount()) != len(batch.GetCommitments()) {
			t.Error("a batch in another order than that of the hashes")
		}
		for _, c := range batch.GetCommitments() {
			if slices.Contains(receipts, hex.EncodeToString(c)) {
				found++
			}
		}
	}
	if found != len(receipts) {
		t.Errorf("the feed has %d of %d ballots", found, len(receipts))
	}
}

// traceless checks that no row has a code, a header of a cast or, outside of the
// box and its batches, a receipt.
func traceless(t *testing.T, tx store.Tx, bucket string, codes, receipts []string) {
	words := []string{"a-header-that-is-kept-nowhere"}
	for _, code := range codes {
		words = append(words, code, strings.ReplaceAll(code, "-", ""))
	}
	if !strings.HasPrefix(bucket, "ballot") && !strings.HasSuffix(bucket, "BallotBatch") {
		for _, r := range receipts {
			raw, _ := hex.DecodeString(r)
			words = append(words, r, string(raw))
		}
	}
	for e, err := range tx.Scan(bucket, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if row := string(e.Key) + "\x00" + string(e.Value); strings.Contains(row, word) {
				t.Errorf("%s has %q in %q", bucket, word, e.Key)
			}
		}
	}
}

// bucketsAre checks that the file has no bucket which nobody thought about, and
// nowhere a code, freed pages included.
func bucketsAre(t *testing.T, path string, codes []string) {
	db := suitetest.OK[*bbolt.DB](t)(bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true}))
	err := db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
			if !strings.HasPrefix(string(name), "feed.") && !slices.Contains(buckets, string(name)) && !slices.Contains(emptied, string(name)) {
				t.Errorf("the bucket %s is not thought about", name)
			}
			return nil
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	file := suitetest.OK[[]byte](t)(os.ReadFile(path))
	for _, code := range codes {
		if bytes.Contains(file, []byte(code)) || bytes.Contains(file, []byte(strings.ReplaceAll(code, "-", ""))) {
			t.Errorf("the file has the code %s", code)
		}
	}
}
