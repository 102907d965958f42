package fsck

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

const second, third = "edu.test/100000/test/2", "edu.test/100000/test/30"

var secret = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // the fixture's

// signedAs verifies what the fixture's key signs under an origin.
func signedAs(origin string) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(origin, secret.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// turn lets the fixture go on under the origin, after saying so as spoil leaves it.
func turn(t *testing.T, f *feedtest.Fixture, origin string, spoil func(*feedv1.Era)) {
	t.Helper()
	era := &feedv1.Era{Name: "eras/" + origin[strings.LastIndexByte(origin, '/')+1:], Origin: origin, PreviousOrigin: f.Log.Origin(), Reason: "lost"}
	f.View(t, func(tx store.Tx) error {
		cp, err := f.Log.Checkpoint(tx)
		if cp.GetSize() > 0 {
			era.PreviousNote = cp.GetNote()
		}
		return err
	})
	spoil(era)
	sign(t, f, origin)
	f.Update(t, func(tx store.Tx) error { return f.Write(tx, era.ProtoReflect().Type(), era.GetName(), era) })
}

// sign lets the fixture sign as that origin from now on.
func sign(t *testing.T, f *feedtest.Fixture, origin string) {
	t.Helper()
	log, err := feed.New(feed.Config{Name: "test", Origin: origin, Key: secret, Now: func() time.Time { return f.Now }, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	f.Log = log
}

// card is a change without meaning.
func card(t *testing.T, f *feedtest.Fixture) {
	t.Helper()
	f.Update(t, func(tx store.Tx) error {
		return f.Write(tx, feedtest.Card, "cards/9", feedtest.New(feedtest.Card, "name", "cards/9"))
	})
}

// eras is what is found wrong first with a log that had some.
func eras(t *testing.T, f *feedtest.Fixture) string {
	t.Helper()
	verifier, err := signedAs(f.Log.Origin())
	if err != nil {
		t.Fatal(err)
	}
	types := feedtest.Types(t)
	if err := types.RegisterMessage((*feedv1.Era)(nil).ProtoReflect().Type()); err != nil {
		t.Fatal(err)
	}
	report, err := run(t.Context(), f.Engine, Expect{Verifier: verifier, Earlier: signedAs}, types)
	if err != nil {
		t.Fatal(err)
	}
	if report.First == nil {
		return ""
	}
	return report.First.What
}

func as(*feedv1.Era) {}

// TestALogGoesOnInAnotherEra: once and again, from the beginning too; what was sealed
// before still opens.
func TestALogGoesOnInAnotherEra(t *testing.T) {
	for name, f := range map[string]*feedtest.Fixture{"written": written(t), "empty": feedtest.Open(t)} {
		turn(t, f, second, as)
		f.Update(t, func(tx store.Tx) error {
			p := feedtest.New(feedtest.Problem, "name", "problems/9", "officer", "Wang")
			return f.Write(tx, feedtest.Problem, "problems/9", p)
		})
		turn(t, f, third, as)
		if what := eras(t, f); what != "" {
			t.Errorf("%s: %s", name, what)
		}
	}
}

// TestAnEraIsWhatWasSaid: neither an entry that says something else nor a signature
// that nothing was said of passes.
func TestAnEraIsWhatWasSaid(t *testing.T) {
	for want, do := range map[string]func(t *testing.T, f *feedtest.Fixture){
		"it ends edu.test/100000/test/7, and": func(t *testing.T, f *feedtest.Fixture) {
			turn(t, f, second, func(e *feedv1.Era) { e.PreviousOrigin = "edu.test/100000/test/7" })
		},
		"is no later era of": func(t *testing.T, f *feedtest.Fixture) {
			turn(t, f, second, func(e *feedv1.Era) { e.Origin = "edu.test/100000/other/2" })
		},
		"is no later era of edu.test/100000/test/30": func(t *testing.T, f *feedtest.Fixture) {
			turn(t, f, third, as)
			turn(t, f, second, as)
		},
		"the last note of the era before does not cover": func(t *testing.T, f *feedtest.Fixture) {
			old := ""
			f.View(t, func(tx store.Tx) error {
				cp, err := f.Log.Checkpoint(tx)
				old = cp.GetNote()
				return err
			})
			card(t, f)
			turn(t, f, second, func(e *feedv1.Era) { e.PreviousNote = old })
		},
		"the last note of the era before does not hold": func(t *testing.T, f *feedtest.Fixture) {
			turn(t, f, second, func(e *feedv1.Era) { e.PreviousNote = "" })
		},
		"it is signed as edu.test/100000/test/2, and its entries say that it is edu.test/100000/test/1": func(t *testing.T, f *feedtest.Fixture) {
			sign(t, f, second)
			card(t, f)
		},
	} {
		f := written(t)
		do(t, f)
		if what := eras(t, f); !strings.Contains(what, want) {
			t.Errorf("found %q, want %q", what, want)
		}
	}
}
