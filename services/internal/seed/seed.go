// Package seed is what an installation knows and nobody else: one file, from which
// come the keys and secrets of every role, or what a role's process was handed of
// them. What they open and sign is for those who ask for them.
package seed

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
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/duban-project/duban/services/internal/durable"
)

// Seed is what all secrets come from, made at the first start. Behind it may stand another
// from which the key of the logs comes: see Renewed.
type Seed []byte

const (
	// File is where the seed lies in a data folder.
	File = "installation.key"
	// KeysFolder is where an installation of several processes on one machine keeps
	// its keys, beneath its data.
	KeysFolder = "keys"

	roleFile = "secret.key" // in a role's folder: its secrets, where the seed is not
)

var (
	// ErrMissing says that a file with secrets is not where it was looked for.
	ErrMissing = errors.New("the key is missing")
	// ErrDamaged says that a file with secrets is not as long as it was made.
	ErrDamaged = errors.New("the key is damaged: put it back from the backup")
)

// Open reads the seed in folder, or makes one.
func Open(folder string) (Seed, error) {
	path := filepath.Join(folder, File)
	s, err := Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if stores, _ := filepath.Glob(filepath.Join(folder, "*.db")); len(stores) > 0 {
		return nil, fmt.Errorf("%w: %s is not there, but there are stores: restore it from the backup", ErrMissing, path)
	}
	s = make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(s) // never fails
	return s, durable.WriteFile(path, s)
}

// Read reads the seed at path.
func Read(path string) (Seed, error) {
	return readSecret(path, ed25519.SeedSize, 2*ed25519.SeedSize)
}

// Renewed has the secrets of s, but for a key of the logs that nobody knows yet: what is
// kept by the others can be read on.
func (s Seed) Renewed() Seed {
	fresh := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(fresh) // never fails
	return append(slices.Clone(s[:ed25519.SeedSize]), fresh...)
}

// Find reads the seed of an installation of one process or of several.
func Find(data string) (Seed, error) { return Read(At(data)) }

// At is where the seed of an installation of one process or of several lies: if there is
// none, where one of one process would.
func At(data string) string {
	alone, shared := filepath.Join(data, File), filepath.Join(data, KeysFolder, File)
	if _, err := os.Stat(alone); !errors.Is(err, fs.ErrNotExist) {
		return alone
	}
	if _, err := os.Stat(shared); !errors.Is(err, fs.ErrNotExist) {
		return shared
	}
	return alone
}

func readSecret(path string, sizes ...int) ([]byte, error) {
	b, err := durable.ReadFile(path)
	if err == nil && !slices.Contains(sizes, len(b)) {
		err = fmt.Errorf("%w: %s: %d bytes, want %d", ErrDamaged, path, len(b), sizes[0])
	}
	if errors.Is(err, durable.ErrIrregular) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	return b, nil
}

// Of are the secrets of one role: those of others do not follow from them, but
// for the key of the logs, by which others know the installation.
func (s Seed) Of(role string) Role {
	return Role{log: derive(s[len(s)-ed25519.SeedSize:], "logs"), own: derive(s[:ed25519.SeedSize], "role "+role)}
}

// Role is what one role knows.
type Role struct {
	log []byte // the seed of the key that signs the installation's logs
	own []byte
}

// Roles returns the secrets of each role: from the files in keys that were handed
// to the process or, if that names no folder, from the seed in data.
func Roles(data, keys string, roles []string) (map[string]Role, error) {
	held := map[string]Role{}
	if keys != "" {
		for _, role := range roles {
			s, err := ReadRole(keys, role)
			if err != nil {
				return nil, err
			}
			held[role] = s
		}
		return held, nil
	}
	s, err := Open(data)
	if err != nil {
		return nil, err
	}
	for _, role := range roles {
		held[role] = s.Of(role)
	}
	return held, nil
}

// ReadRole reads the secrets that a role was handed, in the folder that has a
// folder for each role.
func ReadRole(folder, role string) (Role, error) {
	b, err := readSecret(filepath.Join(folder, role, roleFile), ed25519.SeedSize+sha256.Size)
	if err != nil {
		return Role{}, err
	}
	return Role{log: b[:ed25519.SeedSize], own: b[ed25519.SeedSize:]}, nil
}

// Write puts the secrets into the folder that the role's process gets.
func (s Role) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the folder of a role's keys: %w", err)
	}
	return durable.WriteFile(filepath.Join(folder, roleFile), bytes.Join([][]byte{s.log, s.own}, nil))
}

// Keeps says whether what one of both keeps the other reads: whatever signs the logs.
func (s Role) Keeps(of Role) bool { return hmac.Equal(s.own, of.own) }

// Signing is the key of the installation's logs.
func (s Role) Signing() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s.log) }

// Verifier is the key that verifies the log of that origin, in note format.
func (s Role) Verifier(origin string) (string, error) {
	return note.NewEd25519VerifierKey(origin, s.Signing().Public().(ed25519.PublicKey))
}

// Derive makes a key for one purpose.
func (s Role) Derive(purpose string) []byte { return derive(s.own, purpose) }

func derive(from []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, from, nil, "duban "+purpose, 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	return key
}

// Bootstrap is the secret of the bootstrap key: the same at every start, so that
// a key that was not shown yet need not be kept.
func (s Role) Bootstrap() string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s.Derive("bootstrap key")))
}

// Pseudonym hides a principal's name from those without the key, per service.
func (s Role) Pseudonym() func(string) []byte {
	key := s.Derive("pseudonym")
	return func(principal string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(principal))
		return mac.Sum(nil)[:16]
	}
}
