package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	largest = 256 << 10 // bytes of an issuer's answer
	weakest = 2048      // bits of an RSA key
)

// source is an issuer as it is found in the net.
type source struct{ address string }

// client follows no redirects: an issuer is where its name says. It keeps no
// connection, as it is needed a few times an hour.
var client = &http.Client{
	Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// fetch returns the issuer's keys by their ids, by way of its configuration
// (OpenID Connect Discovery 1.0).
func (s source) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := get(ctx, strings.TrimSuffix(s.address, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, err
	}
	if about.Issuer != s.address {
		return nil, errors.New("the configuration is another issuer's")
	}
	if !safe(about.Keys) {
		return nil, errors.New("the keys do not lie behind https")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := get(ctx, about.Keys, &set); err != nil {
		return nil, err
	}
	return readable(set.Keys), nil
}

// readable are the keys that tokens can be verified by. What an issuer publishes
// beside them, of kinds that we do not know, hinders nothing.
func readable(set []json.RawMessage) map[string]jose.JSONWebKey {
	keys := map[string]jose.JSONWebKey{}
	for _, text := range set {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(text); err == nil && signs(k) {
			keys[k.KeyID] = k
		}
	}
	return keys
}

// signs says whether k is a public key for signatures that can be relied on.
func signs(k jose.JSONWebKey) bool {
	if public, ok := k.Key.(*rsa.PublicKey); ok && public.N.BitLen() < weakest {
		return false
	}
	return k.Valid() && k.IsPublic() && k.KeyID != "" && (k.Use == "" || k.Use == "sig")
}

func get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", address, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // what was read was read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, largest+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", address, err)
	}
	if len(body) > largest {
		return fmt.Errorf("%s answers more than %d bytes", address, largest)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading %s: %w", address, err)
	}
	return nil
}
