package federation_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/duban-project/duban/services/federation"
)

// TestCosignaturesAreThoseOfTheLibrary: what we sign the library verifies, and
// what it signs we do, by C2SP tlog-cosignature.
func TestCosignaturesAreThoseOfTheLibrary(t *testing.T) {
	l := newLog("edu.example/510100/rectification/1", 3)
	h := l.head(3)
	seed := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ours := federation.NewCosigner("edu.example/510000/mirror", seed)
	moment := time.Unix(1_800_000_000, 0).UTC()
	text, err := ours.Cosign(h.Note, moment)
	if err != nil {
		t.Fatal(err)
	}
	v, err := fnote.NewVerifierForCosignatureV1(ours.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		t.Fatalf("the library refuses our cosignature: %v", err)
	}
	if at, err := fnote.CoSigV1Timestamp(n.Sigs[0]); err != nil || !at.Equal(moment) {
		t.Errorf("the library reads %v, %v; want %v", at, err, moment)
	}
	if at, err := federation.Cosigned(ours.VerifierKey(), text); err != nil || !at.Equal(moment) {
		t.Errorf("we read %v, %v; want %v", at, err, moment)
	}
	again, err := ours.Cosign(text, moment.Add(time.Hour))
	if at, _ := federation.Cosigned(ours.VerifierKey(), again); err != nil || !at.Equal(moment.Add(time.Hour)) || len(again) != len(text) {
		t.Errorf("cosigned again: %v, %v, %d bytes after %d", at, err, len(again), len(text))
	}
	skey, plain, err := note.GenerateKey(rand.Reader, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	read, err := note.Open([]byte(h.Note), note.VerifierList(l.verifier))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(read, theirs)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := fnote.VKeyToCosignatureV1(plain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := federation.Cosigned(vkey, string(signed)); err != nil {
		t.Errorf("we refuse the library's cosignature: %v", err)
	}
	if _, err := federation.Cosigned(ours.VerifierKey(), string(signed)); err == nil {
		t.Error("a note is cosigned by who never did")
	}
}
