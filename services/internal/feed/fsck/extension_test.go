package fsck

import (
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// TestACheckpointSaysNothingMore: a signed checkpoint with lines behind size and root
// is wrong, though its signature holds.
func TestACheckpointSaysNothingMore(t *testing.T) {
	f := written(t)
	f.Forge = true
	log, err := note.NewVerifier(f.Log.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	secret, public, err := note.GenerateKey(rand.Reader, log.Name())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{"": "", "an extension\n": "the checkpoint has extension lines"} {
		f.Update(t, value(feed.MetaBucket, []byte(feed.CheckpointKey), func(old []byte) []byte {
			text, _, _ := strings.Cut(string(old), "\n\n")
			size := strings.Join(strings.SplitN(text, "\n", 4)[:3], "\n")
			b, err := note.Sign(&note.Note{Text: size + "\n" + more}, signer)
			if err != nil {
				t.Error(err)
			}
			return b
		}))
		found := ""
		if first := signedBy(t, f.Engine, verifier).First; first != nil {
			found = first.What
		}
		if found != want {
			t.Errorf("with %q: %q, want %q", more, found, want)
		}
	}
}

// signedBy is the report on a log that another key has signed.
func signedBy(t *testing.T, engine store.Engine, verifier note.Verifier) Report {
	t.Helper()
	report, err := run(t.Context(), engine, Expect{Verifier: verifier}, feedtest.Types(t))
	if err != nil {
		t.Fatal(err)
	}
	return report
}
