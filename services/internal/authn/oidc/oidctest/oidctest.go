// Package oidctest is an identity provider for tests. It writes its tokens and
// its keys by hand, with nothing but the standard library, so that what verifies
// them is held against something else than itself.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// M is a JSON object.
type M = map[string]any

// Provider is an identity provider on this machine, with the keys r1 (RS256), e1
// (ES256) and d1 (EdDSA).
type Provider struct {
	*httptest.Server
	RSA *rsa.PrivateKey
	EC  *ecdsa.PrivateKey
	Ed  ed25519.PrivateKey

	mu      sync.Mutex
	keys    []M
	broken  func(http.ResponseWriter)
	fetched int
}

// New starts a provider, which ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{}
	var err1, err2, err3 error
	p.RSA, err1 = rsa.GenerateKey(rand.Reader, 2048)
	p.EC, err2 = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, p.Ed, err3 = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	p.keys = []M{RSAKey("r1", &p.RSA.PublicKey), p.ecKey("e1"), p.edKey("d1")}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var answer any = M{"issuer": p.URL, "jwks_uri": p.URL + "/keys"}
	if p.broken != nil || r.URL.Path == "/keys" {
		p.fetched++
		answer = M{"keys": p.keys}
	}
	if p.broken != nil {
		p.broken(w)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // who does not listen has gone
}

// Publish replaces the keys that it publishes.
func (p *Provider) Publish(keys ...M) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

// Keys returns the keys that it publishes.
func (p *Provider) Keys() []M {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys
}

// Break lets it answer everything so, until it is given nil.
func (p *Provider) Break(answer func(http.ResponseWriter)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = answer
}

// Fetched says how often its keys were asked for.
func (p *Provider) Fetched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched
}

// Base64 is how JOSE writes bytes.
func Base64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// RSAKey writes a public key as it is published.
func RSAKey(kid string, k *rsa.PublicKey) M {
	return M{"kty": "RSA", "kid": kid, "use": "sig", "n": Base64(k.N.Bytes()), "e": Base64(big.NewInt(int64(k.E)).Bytes())}
}

func (p *Provider) ecKey(kid string) M {
	x, y := make([]byte, 32), make([]byte, 32)
	p.EC.X.FillBytes(x)
	p.EC.Y.FillBytes(y)
	return M{"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "x": Base64(x), "y": Base64(y)}
}

func (p *Provider) edKey(kid string) M {
	return M{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": Base64(p.Ed.Public().(ed25519.PublicKey))}
}

// Claims are those of a good token of alice for the audience duban, made at that
// time and for ten minutes, with some of them changed; nil takes one away.
func (p *Provider) Claims(made time.Time, changes M) M {
	all := M{"iss": p.URL, "aud": "duban", "sub": "alice", "iat": made.Unix(), "exp": made.Add(10 * time.Minute).Unix()}
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// Token signs the claims as the header says: with nothing, if it says something
// else than RS256, PS256, ES256 or EdDSA.
func (p *Provider) Token(header, claims M) string {
	h, _ := json.Marshal(header) // both hold JSON alone
	c, _ := json.Marshal(claims)
	text := Base64(h) + "." + Base64(c)
	digest := sha256.Sum256([]byte(text))
	var sig []byte
	switch header["alg"] {
	case "RS256":
		sig, _ = rsa.SignPKCS1v15(rand.Reader, p.RSA, crypto.SHA256, digest[:])
	case "PS256":
		sig, _ = rsa.SignPSS(rand.Reader, p.RSA, crypto.SHA256, digest[:], nil)
	case "ES256":
		r, s, _ := ecdsa.Sign(rand.Reader, p.EC, digest[:])
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		sig = ed25519.Sign(p.Ed, []byte(text))
	}
	return text + "." + Base64(sig)
}
