package federation

import (
	"errors"
	"fmt"
	"slices"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrSignature says that a note is not signed by the key that it must be.
	ErrSignature = errors.New("federation: the signature does not hold")

	// ErrProof says that a proof does not hold: it was damaged, or is made up.
	ErrProof = errors.New("federation: the proof does not hold")
)

// maxNote is how many bytes a signed note may have.
const maxNote = 16 << 10

// Head is a log's signed size and root. The zero Head is that of an empty log.
type Head struct {
	Size uint64
	Root tlog.Hash
	Note string
}

// OpenHead reads the checkpoint that the holder of key has signed, in note
// format, for the log that the key is named by. It answers ErrSignature.
func OpenHead(key, text string) (Head, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return Head{}, fmt.Errorf("reading a verifier key: %w", err)
	}
	if len(text) > maxNote {
		return Head{}, ErrSignature
	}
	cp, rest, _, err := formats.ParseCheckpoint([]byte(text), verifier.Name(), verifier)
	if err != nil || len(rest) > 0 || len(cp.Hash) != tlog.HashSize || cp.Size > 1<<62 {
		return Head{}, fmt.Errorf("%w: %v", ErrSignature, err)
	}
	return Head{cp.Size, tlog.Hash(cp.Hash), text}, nil
}

// Starts says whether the tree of that size and root is the start of h's, by the
// proof. The empty tree is, without any. It answers ErrProof.
func (h Head) Starts(size uint64, root tlog.Hash, proof []tlog.Hash) error {
	if size == 0 && len(proof) == 0 {
		return nil
	}
	if size == 0 || size > h.Size || tlog.CheckTree(proof, int64(h.Size), h.Root, int64(size), root) != nil {
		return fmt.Errorf("%w: %d in %d", ErrProof, size, h.Size)
	}
	return nil
}

// Hashes reads the hashes of a proof. It answers ErrProof.
func Hashes(raw [][]byte) ([]tlog.Hash, error) {
	if len(raw) > 64 {
		return nil, ErrProof
	}
	proof := make([]tlog.Hash, len(raw))
	for i, b := range raw {
		if len(b) != tlog.HashSize {
			return nil, ErrProof
		}
		proof[i] = tlog.Hash(b)
	}
	return proof, nil
}

// Hash reads one hash. It answers ErrProof.
func Hash(b []byte) (tlog.Hash, error) {
	proof, err := Hashes([][]byte{b})
	if err != nil {
		return tlog.Hash{}, err
	}
	return proof[0], nil
}

// Bytes writes the hashes of a proof.
func Bytes(proof []tlog.Hash) [][]byte {
	raw := make([][]byte, len(proof))
	for i := range proof {
		raw[i] = slices.Clone(proof[i][:])
	}
	return raw
}
