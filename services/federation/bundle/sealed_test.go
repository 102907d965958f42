package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"github.com/duban-project/duban/services/federation/bundle"
)

func identity(of string) bundle.Identity { return bundle.NewIdentity(sha256.Sum256([]byte(of))) }

// seal seals a file for the holder of the identity.
func seal(t testing.TB, k bundle.Kind, inside []byte, of bundle.Identity) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := bundle.Seal(&out, k, of.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(inside); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unsealed reads a sealed receipt to its end.
func unsealed(r io.Reader, mine bundle.Identity) (string, error) {
	in, err := bundle.Open(r, bundle.Receipt, mine)
	if err != nil {
		return "", err
	}
	inside, err := io.ReadAll(in)
	if err != nil {
		return "", err
	}
	return origins(inside)
}

// TestAgeKeysFollowFromTheSecret holds the identity against what age makes of the
// same secret, written down elsewhere.
func TestAgeKeysFollowFromTheSecret(t *testing.T) {
	const known = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SWRYDWG" // 0 to 31, by the reference code of BIP 173
	oracle, err := age.ParseX25519Identity(known)
	if err != nil {
		t.Fatal(err)
	}
	var secret [32]byte
	for i := range secret {
		secret[i] = byte(i)
	}
	mine := bundle.NewIdentity(secret)
	if mine.Recipient() != oracle.Recipient().String() {
		t.Errorf("the recipient is %s, want %s", mine.Recipient(), oracle.Recipient())
	}
	if identity("a").Recipient() == mine.Recipient() || bundle.CheckRecipient(mine.Recipient()) != nil {
		t.Error("recipients do not tell secrets apart")
	}
	for _, wrong := range []string{"", "age1", strings.ToUpper(known), mine.Recipient()[:61] + "q", mine.Recipient() + "q"} {
		if bundle.CheckRecipient(wrong) == nil {
			t.Errorf("%q is taken for a recipient", wrong)
		}
	}
}

// TestSealedFilesAreAges: behind the first line lies what age opens.
func TestSealedFilesAreAges(t *testing.T) {
	whole := written(t)
	file := seal(t, bundle.Receipt, whole, identity("a"))
	if bytes.Contains(file, whole[:16]) || !bundle.Receipt.Begins(file) || bundle.Bundle.Begins(file) {
		t.Errorf("the file begins with %q", file[:40])
	}
	if got, err := unsealed(bytes.NewReader(file), identity("a")); got != "ab" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	_, rest, _ := bytes.Cut(file, []byte("\n"))
	if !bytes.HasPrefix(rest, []byte("age-encryption.org/v1\n-> X25519 ")) {
		t.Errorf("behind the first line lies %q", rest[:40])
	}
}

// TestEveryDamageToSealedFilesIsFound: each byte flipped, each length cut off,
// something added; a file for others, a plain one, and one of another kind.
func TestEveryDamageToSealedFilesIsFound(t *testing.T) {
	mine, whole := identity("a"), seal(t, bundle.Receipt, written(t), identity("a"))
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		for what, b := range map[string][]byte{"flipped": flipped, "cut": whole[:i]} {
			if _, err := unsealed(bytes.NewReader(b), mine); !errors.Is(err, bundle.ErrDamaged) && !errors.Is(err, bundle.ErrOthers) && !errors.Is(err, bundle.ErrPlain) {
				t.Errorf("%s at %d: %v", what, i, err)
			}
		}
	}
	for what, c := range map[string]struct {
		file []byte
		want error
	}{
		"something added":  {append(bytes.Clone(whole), 0), bundle.ErrDamaged},
		"for others":       {seal(t, bundle.Receipt, written(t), identity("b")), bundle.ErrOthers},
		"plain":            {written(t), bundle.ErrPlain},
		"of another kind":  {seal(t, bundle.Bundle, written(t), mine), bundle.ErrDamaged},
		"plain when empty": {nil, bundle.ErrDamaged},
	} {
		if _, err := unsealed(bytes.NewReader(c.file), mine); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	broken := errors.New("the medium broke")
	if _, err := unsealed(io.MultiReader(bytes.NewReader(whole[:len(whole)-1]), iotest.ErrReader(broken)), mine); !errors.Is(err, broken) || errors.Is(err, bundle.ErrDamaged) {
		t.Errorf("a medium that breaks: %v", err)
	}
}

// endless is a file without an end, of which is counted what was read.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	e.read += len(b)
	return len(b), nil
}

// TestABeginningWithoutEndIsNotHeld: what begins like a sealed file and goes on for
// ever is given up after the 2 MiB that a beginning may have.
func TestABeginningWithoutEndIsNotHeld(t *testing.T) {
	rest := &endless{}
	start := strings.NewReader("duban/receipt/v2\nage-encryption.org/v1\n-> X25519 ")
	if _, err := unsealed(io.MultiReader(start, rest), identity("a")); !errors.Is(err, bundle.ErrDamaged) || rest.read > 3<<20 {
		t.Errorf("after %d bytes: %v", rest.read, err)
	}
}

// FuzzOpen takes any bytes for a sealed file: that must end, without a panic.
func FuzzOpen(f *testing.F) {
	f.Add(seal(f, bundle.Receipt, written(f), identity("a")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := unsealed(bytes.NewReader(b), identity("a")); err != nil && !errors.Is(err, bundle.ErrDamaged) && !errors.Is(err, bundle.ErrOthers) && !errors.Is(err, bundle.ErrPlain) {
			t.Error(err)
		}
	})
}
