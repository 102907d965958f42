package bundle

import (
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
)

// Identity opens what is sealed for an installation. It is a secret.
type Identity struct{ key *age.X25519Identity }

// NewIdentity returns the identity that follows from a secret.
func NewIdentity(secret [32]byte) Identity {
	key, err := age.ParseX25519Identity(strings.ToUpper(bech32("age-secret-key-", secret[:])))
	if err != nil {
		panic(err) // any 32 bytes are a key
	}
	return Identity{key}
}

// Recipient is for whom to seal what the identity is to open: age1….
func (i Identity) Recipient() string { return i.key.Recipient().String() }

// CheckRecipient says whether text is what Recipient answers.
func CheckRecipient(text string) error {
	if _, err := age.ParseX25519Recipient(text); err != nil {
		return fmt.Errorf("%q is no recipient: %w", text, err)
	}
	return nil
}

const (
	digits   = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	checksum = 6 // digits
)

// bech32 writes bytes as age reads keys (BIP 173): the name, a 1, the bytes in
// digits of five bits, and a checksum.
func bech32(name string, b []byte) string {
	values := fives(b)
	sum := remainder(slices.Concat(spread(name), values, make([]byte, checksum))) ^ 1
	for i := range checksum {
		values = append(values, byte(sum>>(5*(checksum-1-i)))&31)
	}
	out := []byte(name + "1")
	for _, v := range values {
		out = append(out, digits[v])
	}
	return string(out)
}

// spread is what the checksum takes a name for: the high bits of its letters, a
// zero, the low ones.
func spread(name string) (values []byte) {
	for _, c := range []byte(name) {
		values = append(values, c>>5)
	}
	values = append(values, 0)
	for _, c := range []byte(name) {
		values = append(values, c&31)
	}
	return values
}

// fives parts bytes into groups of five bits, the last filled up with zeros.
func fives(b []byte) (groups []byte) {
	held, bits := uint32(0), 0
	for _, c := range b {
		held, bits = held<<8|uint32(c), bits+8
		for ; bits >= 5; bits -= 5 {
			groups = append(groups, byte(held>>(bits-5))&31)
		}
	}
	if bits > 0 {
		groups = append(groups, byte(held<<(5-bits))&31)
	}
	return groups
}

// remainder divides by BIP 173's polynomial.
func remainder(values []byte) uint32 {
	rest := uint32(1)
	for _, v := range values {
		top := rest >> 25
		rest = rest&(1<<25-1)<<5 ^ uint32(v)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				rest ^= g
			}
		}
	}
	return rest
}
