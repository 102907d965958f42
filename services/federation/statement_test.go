package federation_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/duban-project/duban/services/federation"
)

// TestGreetingsSayWhatTheyAreFor: one of a stream says as much as before there were
// files, one in a file for whom the receipt is sealed besides, and one that begins
// in another way is none.
func TestGreetingsSayWhatTheyAreFor(t *testing.T) {
	const origin = "edu.example/510100/federation/1"
	secret, key, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(text string) string {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	said := federation.Statement{
		To: "edu.example/510000/mirror", At: time.UnixMilli(1772000000000).UTC(), Boot: "abcdefgh",
		Heads: []federation.Claim{{Origin: origin, Size: 7}},
	}
	const root = " 7 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	for recipient, want := range map[string]string{
		"":         "duban/hello/v1\nedu.example/510000/mirror\n1772000000000\nabcdefgh\n" + origin + root,
		"age1test": "duban/hello/v2\nedu.example/510000/mirror\n1772000000000\nabcdefgh\nage1test\n" + origin + root,
	} {
		said.Recipient, said.Simulated = recipient, false
		if text := said.Text(); text != want {
			t.Errorf("the text is %q, want %q", text, want)
		}
		got, err := federation.ReadStatement(key, sign(want))
		if diff := cmp.Diff(said, got); err != nil || diff != "" {
			t.Errorf("read with %v:\n%s", err, diff)
		}
		said.Simulated = true
		if got, err := federation.ReadStatement(key, sign(said.Text())); err != nil || !cmp.Equal(said, got) {
			t.Errorf("what a simulation says is read as %v, %v", got, err)
		}
		other := "duban/hello/v3" + strings.TrimPrefix(want, want[:len("duban/hello/v1")])
		if _, err := federation.ReadStatement(key, sign(other)); !errors.Is(err, federation.ErrSignature) {
			t.Errorf("%q is taken for a greeting: %v", other, err)
		}
	}
}
