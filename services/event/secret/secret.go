// Package secret keeps what signs deliveries to webhooks, and signs with it by
// Standard Webhooks 1.0.0. Keys are stored encrypted under a key of the
// installation, each for its webhook alone, because signing needs them in clear.
// It knows no store and no network.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Size is the length of a key in bytes.
const Size = 32

const prefix = "whsec_"

// New returns a new key.
func New() []byte {
	key := make([]byte, Size)
	_, _ = rand.Read(key) // never fails
	return key
}

// Text is a key as it is shown to its owner.
func Text(key []byte) string { return prefix + base64.StdEncoding.EncodeToString(key) }

// Sign returns the header webhook-signature of a message: one signature by each
// key, of which the receiver takes any.
func Sign(id string, at time.Time, body []byte, keys ...[]byte) string {
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// Vault encrypts keys for the store.
type Vault struct{ aead cipher.AEAD }

// NewVault returns the vault of a key of 32 bytes that MUST be known to the
// installation alone.
func NewVault(key []byte) (*Vault, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making a vault: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making a vault: %w", err)
	}
	return &Vault{aead}, nil
}

// Seal encrypts a webhook's key. It opens for that webhook only.
func (v *Vault) Seal(webhook string, key []byte) []byte {
	return v.aead.Seal(nil, nil, key, []byte(webhook))
}

// Open returns what Seal has encrypted for the webhook.
func (v *Vault) Open(webhook string, sealed []byte) ([]byte, error) {
	key, err := v.aead.Open(nil, nil, sealed, []byte(webhook))
	if err != nil {
		return nil, fmt.Errorf("opening the secret of %s: %w", webhook, err)
	}
	return key, nil
}
