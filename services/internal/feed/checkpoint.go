package feed

import (
	"crypto/ed25519"
	"fmt"
	"strings"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// signer implements note.Signer with an Ed25519 key.
type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

// Sign implements note.Signer.
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// Seal signs the log's size and root if entries came since the last time. The
// engine MUST call it once for each group of changes, in the same transaction,
// after the last of them. It answers ErrUnsound if more was signed before than
// there is.
func (l *Log) Seal(tx store.Tx) error {
	h, err := readHead(tx)
	if err != nil {
		return err
	}
	l.bell.set(h.size)
	signed, _, err := l.signed(tx)
	switch {
	case err != nil || signed.Size == h.size:
		return err
	case signed.Size > h.size:
		return fmt.Errorf("%w: it has %d entries, and %d are signed", ErrUnsound, h.size, signed.Size)
	}
	text, err := l.sign(tx, h.size)
	if err != nil {
		return err
	}
	return tx.Put(MetaBucket, []byte(CheckpointKey), text)
}

// Checkpoint returns the newest signed checkpoint. In a View it covers every
// entry; in an Update it lacks those that are not yet sealed.
func (l *Log) Checkpoint(tx store.Tx) (*feedv1.Checkpoint, error) {
	cp, text, err := l.signed(tx)
	if err != nil {
		return nil, err
	}
	h, err := readHead(tx)
	if err != nil {
		return nil, err
	}
	out := &feedv1.Checkpoint{
		Name: "feeds/" + l.config.Name, Origin: l.config.Origin, Size: cp.Size, Root: cp.Hash,
		Note: string(text), VerifierKey: l.verifier,
	}
	if cp.Size > 0 {
		out.At = timestamppb.New(h.at)
	}
	return out, nil
}

// signed reads the newest note; that of an empty log is not stored but signed
// when asked for. A mirror of which nothing was cosigned yet has none.
func (l *Log) signed(tx store.Tx) (cp formats.Checkpoint, text []byte, err error) {
	text, there, err := store.Seek(tx, MetaBucket, []byte(CheckpointKey))
	if err == nil && !there {
		if l.signer.key == nil {
			return cp, nil, nil
		}
		text, err = l.sign(tx, 0)
	}
	if err != nil {
		return cp, nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	if _, err := cp.Unmarshal(text); err != nil {
		return cp, nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	return cp, text, nil
}

// OriginOf reads whose log a store holds from its newest checkpoint; "" if nothing
// was ever written.
func OriginOf(tx store.Tx) (string, error) {
	text, _, err := store.Seek(tx, MetaBucket, []byte(CheckpointKey))
	if err != nil {
		return "", fmt.Errorf("reading the checkpoint: %w", err)
	}
	origin, _, _ := strings.Cut(string(text), "\n")
	return origin, nil
}

// sign makes the note of the tree of that size, by C2SP tlog-checkpoint.
func (l *Log) sign(tx store.Tx, size uint64) ([]byte, error) {
	root, err := tlog.TreeHash(int64(size), hashes{tx})
	if err != nil {
		return nil, fmt.Errorf("computing the root at %d: %w", size, err)
	}
	cp := formats.Checkpoint{Origin: l.config.Origin, Size: size, Hash: root[:]}
	text, err := note.Sign(&note.Note{Text: string(cp.Marshal())}, l.signer)
	if err != nil {
		return nil, fmt.Errorf("signing the checkpoint at %d: %w", size, err)
	}
	return text, nil
}
