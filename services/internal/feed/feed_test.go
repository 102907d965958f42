package feed_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/transparency-dev/merkle/rfc6962"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

var update = flag.Bool("update", false, "write the golden files")

const one = "problems/1"

// problem is a problem with something behind both labels.
func problem(title string) proto.Message {
	return feedtest.New(feedtest.Problem, "name", one, "title", title,
		"officer", "Wang Wu", "phone", "13800000000", "note", "at night", "etag", "7")
}

func entries(t testing.TB, f *feedtest.Fixture) (raw [][]byte, list []*feedv1.Entry) {
	t.Helper()
	f.View(t, func(tx store.Tx) error {
		run, err := f.Log.Records(tx, 0, 1000)
		for _, r := range run {
			e := &feedv1.Entry{}
			if err := proto.Unmarshal(r.GetEntry(), e); err != nil {
				return err
			}
			raw, list = append(raw, r.GetEntry()), append(list, e)
		}
		return err
	})
	return raw, list
}

func TestGolden(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	raw, list := entries(t, f)
	leaf := sha256.Sum256(append([]byte{0}, raw[0]...))
	got := &bytes.Buffer{}
	fmt.Fprintf(got, "entry %x\nleaf %x\n", raw[0], leaf)
	f.View(t, func(tx store.Tx) error {
		for _, s := range list[0].GetSealed() {
			o, err := f.Log.Opening(tx, 0, s.GetLabel())
			if err != nil {
				return err
			}
			fmt.Fprintf(got, "opening %s %x %x %x\n", s.GetLabel(), s.GetDigest(), o.GetSalt(), o.GetPayload())
		}
		cp, err := f.Log.Checkpoint(tx)
		fmt.Fprintf(got, "key %s\n%s", cp.GetVerifierKey(), cp.GetNote())
		return err
	})
	if *update {
		if err := os.WriteFile("testdata/golden.txt", got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("bytes that must never change have changed (-want +got):\n%s", diff)
	}
}

func TestEntrySaysWhatHappened(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	f.Now = f.Now.Add(-time.Hour) // the machine's clock is set back
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("wall")) })
	f.Now = f.Now.Add(2 * time.Hour)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, nil) })
	raw, list := entries(t, f)
	if len(list) != 3 {
		t.Fatalf("got %d entries", len(list))
	}
	for i, e := range list {
		if e.GetSeq() != uint64(i) || e.GetRev() != uint64(i+1) || len(e.GetId()) != 16 || e.GetSubject() != one {
			t.Errorf("entry %d: %v", i, e)
		}
		var prev []byte
		if i > 0 {
			prev = rfc6962.DefaultHasher.HashLeaf(raw[i-1])
		}
		if !bytes.Equal(e.GetPrev(), prev) {
			t.Errorf("entry %d follows %x, want %x", i, e.GetPrev(), prev)
		}
	}
	if a, b := list[0].GetAt().AsTime(), list[1].GetAt().AsTime(); !a.Equal(b) {
		t.Errorf("time went from %v to %v", a, b)
	}
	if got := list[1].GetEffective().AsTime(); !got.Equal(f.Now.Add(-2 * time.Hour)) {
		t.Errorf("effective is %v", got)
	}
	if !list[2].GetAt().AsTime().Equal(f.Now) || list[2].GetBody() != nil || list[2].GetSealed() != nil {
		t.Errorf("the last entry is %v", list[2])
	}
}

// TestSealedFieldsStandApart computes the commitments anew, from their
// definition.
func TestSealedFieldsStandApart(t *testing.T) {
	f := feedtest.Open(t)
	body := problem("roof")
	before := proto.Clone(body)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, body) })
	if diff := cmp.Diff(before, body, protocmp.Transform()); diff != "" {
		t.Errorf("Append changed its argument:\n%s", diff)
	}
	raw, list := entries(t, f)
	for _, secret := range []string{"Wang Wu", "13800000000", "at night"} {
		if bytes.Contains(raw[0], []byte(secret)) {
			t.Errorf("the entry holds %q", secret)
		}
	}
	want := map[string]proto.Message{
		"office": feedtest.New(feedtest.Problem, "officer", "Wang Wu"),
		"person": feedtest.New(feedtest.Problem, "phone", "13800000000", "note", "at night"),
	}
	if len(list[0].GetSealed()) != len(want) {
		t.Fatalf("got %v", list[0].GetSealed())
	}
	f.View(t, func(tx store.Tx) error {
		for _, s := range list[0].GetSealed() {
			o, err := f.Log.Opening(tx, 0, s.GetLabel())
			if err != nil {
				return err
			}
			got := feedtest.New(feedtest.Problem)
			if err := proto.Unmarshal(o.GetPayload(), got); err != nil {
				return err
			}
			if diff := cmp.Diff(want[s.GetLabel()], got, protocmp.Transform()); diff != "" {
				t.Errorf("behind %s (-want +got):\n%s", s.GetLabel(), diff)
			}
			if d := digest(list[0].GetId(), s.GetLabel(), o); !bytes.Equal(d, s.GetDigest()) {
				t.Errorf("the commitment %s is %x, want %x", s.GetLabel(), s.GetDigest(), d)
			}
		}
		return nil
	})
}

func digest(id []byte, label string, o *feedv1.Opening) []byte {
	h := sha256.New()
	h.Write([]byte("duban/commit/v1\x00"))
	for _, s := range []string{feedtest.Origin, string(id), label} {
		h.Write([]byte{byte(len(s) >> 8), byte(len(s))})
		h.Write([]byte(s))
	}
	h.Write(o.GetSalt())
	padded := append(binary.BigEndian.AppendUint32(nil, uint32(len(o.GetPayload()))), o.GetPayload()...)
	bucket := 64
	for bucket < len(padded) {
		bucket *= 2
	}
	h.Write(append(padded, make([]byte, bucket-len(padded))...))
	return h.Sum(nil)
}

func TestDigestPadsToBuckets(t *testing.T) {
	seen := map[[32]byte]int{}
	for n := range 300 {
		o := &feedv1.Opening{Salt: make([]byte, 32), Payload: make([]byte, n)}
		got := feed.Digest(feedtest.Origin, make([]byte, 16), "office", o)
		if want := digest(make([]byte, 16), "office", o); !bytes.Equal(got[:], want) {
			t.Errorf("payload of %d: got %x, want %x", n, got, want)
		}
		if m, ok := seen[got]; ok {
			t.Errorf("payloads of %d and %d zeros have one digest", m, n)
		}
		seen[got] = n
	}
}

func TestLabelWithoutContentHasNoCommitment(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error {
		return f.Write(tx, feedtest.Problem, one, feedtest.New(feedtest.Problem, "name", one, "officer", "Li"))
	})
	if _, list := entries(t, f); len(list[0].GetSealed()) != 1 || list[0].GetSealed()[0].GetLabel() != "office" {
		t.Errorf("got %v", list[0].GetSealed())
	}
}

func TestAppendRefuses(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	unknown := problem("roof")
	unknown.ProtoReflect().SetUnknown([]byte{0xf8, 0x7f, 1})
	large := strings.Repeat("x", feed.MaxEntry)
	change := func(do func(*feed.Change)) feed.Change {
		c := feed.Change{Kind: "test.problem.changed.v1", Subject: one, Rev: 2, Effective: f.Now, Body: problem("wall")}
		do(&c)
		return c
	}
	before := dump(t, f)
	for name, tt := range map[string]struct {
		change feed.Change
		want   error
	}{
		"a rev too low":       {change(func(c *feed.Change) { c.Rev = 1 }), feed.ErrRev},
		"a rev too high":      {change(func(c *feed.Change) { c.Rev = 3 }), feed.ErrRev},
		"no rev":              {change(func(c *feed.Change) { c.Rev = 0 }), feed.ErrRev},
		"no kind":             {change(func(c *feed.Change) { c.Kind = "" }), nil},
		"no subject":          {change(func(c *feed.Change) { c.Subject = "" }), nil},
		"a large body":        {change(func(c *feed.Change) { c.Body = problem(large) }), feed.ErrTooLarge},
		"a large payload":     {change(func(c *feed.Change) { c.Body = feedtest.New(feedtest.Problem, "officer", large) }), feed.ErrTooLarge},
		"unknown fields":      {change(func(c *feed.Change) { c.Body = unknown }), nil},
		"text that is none":   {change(func(c *feed.Change) { c.Kind = "\xff" }), nil},
		"sealed fields below": {change(func(c *feed.Change) { c.Body = feedtest.Nested.New().Interface() }), nil},
	} {
		err := f.Engine.Update(t.Context(), func(tx store.Tx) error {
			_, err := f.Log.Append(tx, tt.change)
			return err
		})
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if diff := cmp.Diff(before, dump(t, f)); diff != "" {
		t.Errorf("refused changes left a trace:\n%s", diff)
	}
}

// dump is everything in the log's buckets.
func dump(t testing.TB, f *feedtest.Fixture) map[string]string {
	t.Helper()
	all := map[string]string{}
	f.View(t, func(tx store.Tx) error {
		for _, bucket := range []string{feed.EntriesBucket, feed.HashesBucket, feed.MetaBucket, feed.IDsBucket, feed.SubjectsBucket, feed.OpeningsBucket} {
			for row, err := range tx.Scan(bucket, nil, nil) {
				if err != nil {
					return err
				}
				all[bucket+string(row.Key)] = string(row.Value)
			}
		}
		return nil
	})
	return all
}

var errChanged = errors.New("changed my mind")

func TestUndoneCallerLeavesNoTrace(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	before := dump(t, f)
	err := f.Engine.Update(t.Context(), func(tx store.Tx) error {
		if err := f.Write(tx, feedtest.Problem, one, problem("wall")); err != nil {
			return err
		}
		return errChanged
	})
	if !errors.Is(err, errChanged) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(before, dump(t, f)); diff != "" {
		t.Errorf("the log differs:\n%s", diff)
	}
}

// TestUndoneCallerInAGroup has callers that share a commit, and every other
// changes his mind.
func TestUndoneCallerInAGroup(t *testing.T) {
	f := feedtest.Open(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			err := f.Engine.Update(t.Context(), func(tx store.Tx) error {
				name := fmt.Sprint("problems/", i/4)
				if err := f.Write(tx, feedtest.Problem, name, problem(fmt.Sprint(i))); err != nil {
					return err
				}
				if i%2 == 1 {
					return errChanged
				}
				return nil
			})
			if i%2 == 0 && err != nil || i%2 == 1 && !errors.Is(err, errChanged) {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	raw, list := entries(t, f)
	if len(list) != 32 {
		t.Fatalf("got %d entries", len(list))
	}
	for i, e := range list {
		if e.GetSeq() != uint64(i) {
			t.Errorf("entry %d stands at %d", e.GetSeq(), i)
		}
	}
	f.View(t, func(tx store.Tx) error {
		cp, err := f.Log.Checkpoint(tx)
		if want := root(raw); !bytes.Equal(cp.GetRoot(), want) || cp.GetSize() != 32 {
			t.Errorf("got root %x of %d, want %x", cp.GetRoot(), cp.GetSize(), want)
		}
		return err
	})
}

func TestIDsAreTakenOnce(t *testing.T) {
	f := feedtest.Open(t)
	log, err := feed.New(config())
	if err != nil {
		t.Fatal(err)
	}
	f.Log = log
	err = f.Engine.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			f.Write(tx, feedtest.Problem, one, problem("roof")),
			f.Write(tx, feedtest.Problem, one, problem("wall")))
	})
	if err == nil || !strings.Contains(err.Error(), "randomness is broken") {
		t.Errorf("got %v", err)
	}
}

// config is one that New takes, with broken randomness.
func config() feed.Config {
	return feed.Config{
		Name: "test", Origin: feedtest.Origin, Key: ed25519.NewKeyFromSeed(make([]byte, 32)),
		Now: func() time.Time { return time.Time{} }, Random: same{},
	}
}

type same struct{}

func (same) Read(b []byte) (int, error) { return len(b), nil }

func TestNewRefuses(t *testing.T) {
	for i, spoil := range []func(*feed.Config){
		func(c *feed.Config) { c.Name = "feeds/test" },
		func(c *feed.Config) { c.Origin = "a b" },
		func(c *feed.Config) { c.Origin = "a+b" },
		func(c *feed.Config) { c.Origin = "a\nb" },
		func(c *feed.Config) { c.Origin = strings.Repeat("a", 256) },
		func(c *feed.Config) { c.Key = c.Key[:32] },
		func(c *feed.Config) { c.Now = nil },
		func(c *feed.Config) { c.Random = nil },
	} {
		c := config()
		spoil(&c)
		if _, err := feed.New(c); err == nil {
			t.Errorf("case %d was taken", i)
		}
	}
}

func TestCheckSealed(t *testing.T) {
	if err := feed.CheckSealed(feedtest.Problem.Descriptor()); err != nil {
		t.Error(err)
	}
	if err := feed.CheckSealed((&feedv1.Entry{}).ProtoReflect().Descriptor()); err != nil {
		t.Error(err)
	}
	err := feed.CheckSealed(feedtest.Nested.Descriptor())
	if err == nil || !strings.Contains(err.Error(), "duban.test.v1.Nested.Inner.phone") {
		t.Errorf("got %v", err)
	}
	if err := feed.CheckSealed(feedtest.Mislabelled.Descriptor()); err == nil {
		t.Error("a bad label was taken")
	}
}

func TestWaitSeesACommit(t *testing.T) {
	f := feedtest.Open(t)
	done := make(chan error, 1)
	go func() { done <- f.Log.Wait(t.Context(), 1) }()
	for range 2 {
		f.Update(t, func(tx store.Tx) error { return f.Write(tx, feedtest.Problem, one, problem("roof")) })
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Log.Wait(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
