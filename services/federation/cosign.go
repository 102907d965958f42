package federation

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// cosignatureV1 is the algorithm of C2SP tlog-cosignature: Ed25519 over a moment
// and the checkpoint.
const cosignatureV1 = 4

// Cosigner signs others' checkpoints, each with the moment at which it did. The
// library's own signer reads the clock itself; this one is told.
type Cosigner struct {
	name string
	key  ed25519.PrivateKey
}

// NewCosigner returns the cosigner of that name.
func NewCosigner(name string, key ed25519.PrivateKey) Cosigner { return Cosigner{name, key} }

// Name is what the cosigner's signatures are named by.
func (c Cosigner) Name() string { return c.name }

// VerifierKey verifies the cosignatures, in note format.
func (c Cosigner) VerifierKey() string {
	public := append([]byte{cosignatureV1}, c.key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", c.name, keyHash(c.name, public), base64.StdEncoding.EncodeToString(public))
}

func keyHash(name string, public []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), public...))
	return binary.BigEndian.Uint32(sum[:])
}

// Cosign returns the note with a signature of now, in place of an older one.
func (c Cosigner) Cosign(text string, now time.Time) (string, error) {
	body, lines, ok := strings.Cut(text, "\n\n")
	if !ok {
		return "", fmt.Errorf("cosigning: %w", ErrSignature)
	}
	seconds := uint64(now.Unix())
	public := append([]byte{cosignatureV1}, c.key.Public().(ed25519.PublicKey)...)
	b := binary.BigEndian.AppendUint32(nil, keyHash(c.name, public))
	b = binary.BigEndian.AppendUint64(b, seconds)
	b = append(b, ed25519.Sign(c.key, cosigned(seconds, body+"\n"))...)
	mine := "\u2014 " + c.name + " "
	var out strings.Builder
	out.WriteString(body + "\n\n")
	for line := range strings.Lines(lines) {
		if !strings.HasPrefix(line, mine) {
			out.WriteString(line)
		}
	}
	out.WriteString(mine + base64.StdEncoding.EncodeToString(b) + "\n")
	return out.String(), nil
}

func cosigned(seconds uint64, text string) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, text)
}

// Cosigned returns when the holder of key, in note format, cosigned the note. It
// answers ErrSignature.
func Cosigned(key, text string) (time.Time, error) {
	v, err := newCoverifier(key)
	if err != nil {
		return time.Time{}, err
	}
	if len(text) > maxNote {
		return time.Time{}, ErrSignature
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	sig, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil || len(sig) < 12 {
		return time.Time{}, ErrSignature
	}
	return time.Unix(int64(binary.BigEndian.Uint64(sig[4:])), 0).UTC(), nil
}

// coverifier implements note.Verifier for cosignatures.
type coverifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCoverifier(text string) (coverifier, error) {
	name, rest, _ := strings.Cut(text, "+")
	_, key64, _ := strings.Cut(rest, "+")
	public, err := base64.StdEncoding.DecodeString(key64)
	if err != nil || len(public) != 1+ed25519.PublicKeySize || public[0] != cosignatureV1 {
		return coverifier{}, fmt.Errorf("%q is no key of a cosigner", text)
	}
	v := coverifier{name, keyHash(name, public), public[1:]}
	if !strings.HasPrefix(rest, fmt.Sprintf("%08x+", v.hash)) {
		return coverifier{}, fmt.Errorf("%q is no key of a cosigner", text)
	}
	return v, nil
}

// CheckCosigner says whether text is a cosigner's key in note format.
func CheckCosigner(text string) error {
	_, err := newCoverifier(text)
	return err
}

// Name implements note.Verifier.
func (v coverifier) Name() string { return v.name }

// KeyHash implements note.Verifier.
func (v coverifier) KeyHash() uint32 { return v.hash }

// Verify implements note.Verifier.
func (v coverifier) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	return ed25519.Verify(v.key, cosigned(binary.BigEndian.Uint64(sig), string(msg)), sig[8:])
}
