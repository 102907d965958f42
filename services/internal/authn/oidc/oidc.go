// Package oidc verifies the tokens of identity providers (统一身份认证): JWTs
// signed by an issuer that is configured, for this installation, now. Whose the
// account is, organization says; what follows from it, package authn. It logs
// nobody in and keeps no session.
package oidc

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/semaphore"

	"github.com/duban-project/duban/services/internal/authn"
)

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	issuers map[string]*issuer
	now     func() time.Time
}

type issuer struct {
	Issuer
	keys *keySet
}

// New returns a verifier of the issuers' tokens. now is real time; that keys
// could not be fetched is told to log.
func New(issuers []Issuer, now func() time.Time, log *slog.Logger) *Verifier {
	v := &Verifier{issuers: map[string]*issuer{}, now: now}
	waits := semaphore.NewWeighted(waiters)
	for _, i := range issuers {
		keys := &keySet{fetch: source{address: i.Issuer}.fetch, now: now, waits: waits, failed: func(err error) {
			log.Warn("the keys of an identity provider cannot be fetched", "issuer", i.Issuer, "error", err)
		}}
		v.issuers[i.Issuer] = &issuer{i.filled(), keys}
	}
	return v
}

// claims are what a token says, once as the fields that every token has.
type claims struct {
	jwt.Claims
	all map[string]any
}

// Verify returns the account that the token was issued to. What is wrong with a
// token is for our own tests and traces; callers get authn.ErrUnauthenticated, or
// authn.ErrIssuerUnavailable if nobody can tell for now. Neither holds any part of
// the token.
func (v *Verifier) Verify(ctx context.Context, token string) (authn.Account, error) {
	parsed, err := jwt.ParseSigned(token, known())
	if err != nil || len(parsed.Headers) != 1 {
		return authn.Account{}, refused("it is no token, or signed in another way")
	}
	var named jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&named); err != nil {
		return authn.Account{}, refused("its claims cannot be read")
	}
	i, ok := v.issuers[named.Issuer]
	if !ok {
		return authn.Account{}, refused("another issuer's")
	}
	said, err := i.signed(ctx, parsed)
	if err != nil {
		return authn.Account{}, err
	}
	return i.account(said, v.now())
}

// known are the algorithms that are looked at: no token is parsed that names
// another.
func known() (all []jose.SignatureAlgorithm) {
	for _, a := range algorithms {
		all = append(all, jose.SignatureAlgorithm(a))
	}
	return all
}

func refused(why string) error { return fmt.Errorf("%w: %s", authn.ErrUnauthenticated, why) }

// signed returns the claims, if the issuer has signed them.
func (i *issuer) signed(ctx context.Context, token *jwt.JSONWebToken) (said claims, err error) {
	h := token.Headers[0]
	if !slices.Contains(i.Algorithms, h.Algorithm) {
		return said, refused("an algorithm that the issuer does not use")
	}
	kind, ok := i.kind(h)
	if !ok {
		return said, refused("a type that no access token of the issuer has")
	}
	key, err := i.keys.find(ctx, h.KeyID)
	if err != nil {
		return said, err
	}
	if key.Algorithm != "" && key.Algorithm != h.Algorithm {
		return said, refused("the key is for another algorithm")
	}
	if err := token.Claims(key.Key, &said.Claims, &said.all); err != nil {
		return said, refused("the signature does not hold")
	}
	if kind != accessToken && said.foreign() {
		return said, refused("an ID token, or one that tells of an event")
	}
	return said, nil
}

// kind is the type that the token says it has, and whether access tokens of the
// issuer have it. (RFC 8725, 3.11)
func (i *issuer) kind(h jose.Header) (kind string, ok bool) {
	if typ, given := h.ExtraHeaders[jose.HeaderType]; given {
		if kind, ok = typ.(string); !ok || kind == "" {
			return "", false
		}
	}
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	return kind, slices.ContainsFunc(i.Types, func(t string) bool { return strings.EqualFold(t, kind) })
}

// foreign says whether there is a claim that ID tokens have (OpenID Connect Core, 2
// and 3.3.2.11) or those that tell of events, such as a logout (RFC 8417), and access
// tokens have not.
func (c claims) foreign() bool {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "events"} {
		if _, there := c.all[name]; there {
			return true
		}
	}
	return false
}

// account holds what the issuer has signed against what is asked of it.
func (i *issuer) account(said claims, now time.Time) (authn.Account, error) {
	if said.Expiry == nil || said.IssuedAt == nil {
		return authn.Account{}, refused("it does not say for how long it holds")
	}
	if holds := said.Expiry.Time().Sub(said.IssuedAt.Time()); holds <= 0 || holds > i.Lifetime {
		return authn.Account{}, refused("it holds for no time at all, or too long")
	}
	err := said.ValidateWithLeeway(jwt.Expected{Issuer: i.Issuer.Issuer, AnyAudience: jwt.Audience{i.Audience}, Time: now}, i.Skew)
	if err != nil {
		return authn.Account{}, refused(err.Error())
	}
	subject, _ := said.all[i.Subject].(string)
	if subject == "" {
		return authn.Account{}, refused("it does not say whose it is")
	}
	return authn.Account{
		Issuer: i.Issuer.Issuer, Subject: subject,
		SecondFactor: i.SecondFactor.shown(said.all), Until: said.Expiry.Time().Add(i.Skew),
	}, nil
}

// shown says whether the claims show a second factor, or none is asked for.
func (f Factor) shown(all map[string]any) bool {
	switch said := all[f.Claim].(type) {
	case string:
		return slices.Contains(f.Values, said)
	case []any:
		return slices.ContainsFunc(said, func(one any) bool {
			text, ok := one.(string)
			return ok && slices.Contains(f.Values, text)
		})
	default:
		return f.Claim == ""
	}
}
