package suite

import (
	"bytes"
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

// seed is what an installation knows and nobody else: one file, made at the first
// start, from which all secrets come.
type seed []byte

const (
	seedFile = "installation.key"
	roleFile = "secret.key" // in a role's folder: its secrets, where the seed is not
)

// openSeed reads the seed in folder, or makes one.
func openSeed(folder string) (seed, error) {
	path := filepath.Join(folder, seedFile)
	s, err := readSeed(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if stores, _ := filepath.Glob(filepath.Join(folder, "*.db")); len(stores) > 0 {
		return nil, fmt.Errorf("%s is missing, but there are stores: restore it from the backup", path)
	}
	s = make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(s) // never fails
	return s, durable.WriteFile(path, s)
}

func readSeed(path string) (seed, error) { return readSecret(path, ed25519.SeedSize) }

func readSecret(path string, size int) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil && len(b) != size {
		err = fmt.Errorf("%s: %d bytes, want %d", path, len(b), size)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	return b, nil
}

// of are the secrets of one role: those of others do not follow from them, but
// for the key of the logs, by which others know the installation.
func (s seed) of(role string) secrets {
	return secrets{log: derive(s, "logs"), own: derive(s, "role "+role)}
}

// secrets are what one role knows.
type secrets struct {
	log []byte // the seed of the key that signs the installation's logs
	own []byte
}

// openSecrets returns the secrets of each role: from the files that were handed
// to the process or, if it has none, from the installation's seed.
func openSecrets(c Config, roles []string) (map[string]secrets, error) {
	held := map[string]secrets{}
	if c.Peers.Keys != "" {
		for _, role := range roles {
			s, err := readRole(c.Peers.Keys, role)
			if err != nil {
				return nil, err
			}
			held[role] = s
		}
		return held, nil
	}
	s, err := openSeed(c.Data)
	if err != nil {
		return nil, err
	}
	for _, role := range roles {
		held[role] = s.of(role)
	}
	return held, nil
}

// readRole reads the secrets that a role was handed, in the folder that has a
// folder for each role.
func readRole(folder, role string) (secrets, error) {
	b, err := readSecret(filepath.Join(folder, role, roleFile), ed25519.SeedSize+sha256.Size)
	if err != nil {
		return secrets{}, err
	}
	return secrets{log: b[:ed25519.SeedSize], own: b[ed25519.SeedSize:]}, nil
}

// write puts the secrets into the folder that the role's process gets.
func (s secrets) write(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the folder of a role's keys: %w", err)
	}
	return durable.WriteFile(filepath.Join(folder, roleFile), bytes.Join([][]byte{s.log, s.own}, nil))
}

// signing is the key of the installation's logs.
func (s secrets) signing() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s.log) }

// verifier is the key that verifies the log of that origin, in note format.
func (s secrets) verifier(origin string) (string, error) {
	return note.NewEd25519VerifierKey(origin, s.signing().Public().(ed25519.PublicKey))
}

// derive makes a key for one purpose.
func (s secrets) derive(purpose string) []byte { return derive(s.own, purpose) }

func derive(from []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, from, nil, "duban "+purpose, 32)
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
func (s secrets) pseudonym() func(string) []byte {
	key := s.derive("pseudonym")
	return func(principal string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(principal))
		return mac.Sum(nil)[:16]
	}
}
