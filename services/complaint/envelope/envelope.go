// Package envelope encrypts what a complaint must not show at rest: the content
// of sealed cases to their desk, the complainant's identity to custody.
//
// Each sealing draws a fresh key for its content and wraps it to the recipient's
// public key (HPKE, RFC 9180, with the hybrid MLKEM768-X25519). Private keys are
// derived, where they are used, from the installation's secret; none is stored.
// Whoever has the stores or a backup without that secret learns the length of
// the content to within a factor of two, and nothing else. Whoever is root on a
// running host has the secret, and with it everything: against that a case is
// heard on the installation above. Who may open what is for the server to say.
package envelope

import (
	"bytes"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// smallest is the least length of what is encrypted, in bytes; more is filled
// up to a power of two.
const smallest = 1024

const shortest = 32 // bytes of a secret

// ErrBroken says that a box does not open what it was given: it was sealed to
// another, as something else, or was changed.
var ErrBroken = errors.New("envelope: cannot be opened")

// Desks seals to desks and opens for them. It is safe for concurrent use.
type Desks struct {
	// Secret makes the secret of a desk, as NewBox takes it.
	Secret func(desk string) []byte
}

// Seal encrypts content to the desk, as Slot.Seal does.
func (d Desks) Seal(desk, what string, content []byte) ([]byte, error) {
	box, err := NewBox(d.Secret(desk))
	if err != nil {
		return nil, err
	}
	return box.Seal(what, content)
}

// Open opens for the desk, as Box.Open does.
func (d Desks) Open(desk, what string, sealed []byte) ([]byte, error) {
	box, err := NewBox(d.Secret(desk))
	if err != nil {
		return nil, err
	}
	return box.Open(what, sealed)
}

// Slot seals to one recipient and cannot open. It is safe for concurrent use.
type Slot struct {
	key hpke.PublicKey
}

// Box seals to one recipient and opens again. It is safe for concurrent use.
type Box struct {
	Slot
	key hpke.PrivateKey
}

// NewBox returns the box of the recipient whose secret this is: at least 32
// bytes, the same at every start.
func NewBox(secret []byte) (Box, error) {
	if len(secret) < shortest {
		return Box{}, fmt.Errorf("the secret of a box has %d bytes, want at least %d", len(secret), shortest)
	}
	key, err := hpke.MLKEM768X25519().DeriveKeyPair(secret)
	if err != nil {
		return Box{}, fmt.Errorf("deriving the key of a box: %w", err)
	}
	return Box{Slot{key.PublicKey()}, key}, nil
}

// Seal encrypts content as what, such as the name of the record that it belongs
// to. It opens as nothing else.
func (s Slot) Seal(what string, content []byte) ([]byte, error) {
	sealed, err := hpke.Seal(s.key, hpke.HKDFSHA256(), hpke.AES256GCM(), info(what), pad(content))
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return sealed, nil
}

// Open returns what was sealed as what, or ErrBroken.
func (b Box) Open(what string, sealed []byte) ([]byte, error) {
	padded, err := hpke.Open(b.key, hpke.HKDFSHA256(), hpke.AES256GCM(), info(what), sealed)
	if err != nil {
		return nil, ErrBroken
	}
	return unpad(padded)
}

func info(what string) []byte { return []byte("duban envelope v1\x00" + what) }

// pad puts the length before the content and zeros behind it.
func pad(content []byte) []byte {
	size := max(smallest, 1<<bits.Len(uint(4+len(content)-1)))
	padded := binary.BigEndian.AppendUint32(make([]byte, 0, size), uint32(len(content)))
	return append(padded, content...)[:size]
}

func unpad(padded []byte) ([]byte, error) {
	if len(padded) < 4 || uint64(binary.BigEndian.Uint32(padded)) > uint64(len(padded)-4) {
		return nil, ErrBroken
	}
	return bytes.Clone(padded[4:][:binary.BigEndian.Uint32(padded)]), nil
}
