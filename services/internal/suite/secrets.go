package suite

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/duban-project/duban/services/internal/durable"
)

// secrets are what an installation knows and nobody else: one seed in one file,
// made at the first start, from which all keys come.
type secrets struct{ seed []byte }

const seedFile = "installation.key"

// openSecrets reads the seed in folder, or makes one.
func openSecrets(folder string) (secrets, error) {
	path := filepath.Join(folder, seedFile)
	seed, err := os.ReadFile(path)
	switch {
	case err == nil && len(seed) == ed25519.SeedSize:
		return secrets{seed}, nil
	case err == nil:
		return secrets{}, fmt.Errorf("%s: %d bytes, want %d", path, len(seed), ed25519.SeedSize)
	case !errors.Is(err, fs.ErrNotExist):
		return secrets{}, fmt.Errorf("reading the installation's key: %w", err)
	}
	if stores, _ := filepath.Glob(filepath.Join(folder, "*.db")); len(stores) > 0 {
		return secrets{}, fmt.Errorf("%s is missing, but there are stores: restore it from the backup", path)
	}
	seed = make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	return secrets{seed}, durable.WriteFile(path, seed)
}

// signing is the key of the installation's logs.
func (s secrets) signing() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s.seed) }

// verifier is the key that verifies the log of that origin, in note format.
func (s secrets) verifier(origin string) (string, error) {
	return note.NewEd25519VerifierKey(origin, s.signing().Public().(ed25519.PublicKey))
}

// derive makes a key for one purpose.
func (s secrets) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.seed, nil, "duban "+purpose, 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	return key
}

// bootstrap is the secret of the bootstrap key: the same at every start, so that
// a key that was not shown yet need not be kept.
func (s secrets) bootstrap() string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s.derive("bootstrap key")))
}

// pseudonym hides a principal's name from those without the key, per service.
func (s secrets) pseudonym(service string) func(string) []byte {
	key := s.derive("pseudonym " + service)
	return func(principal string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(principal))
		return mac.Sum(nil)[:16]
	}
}
