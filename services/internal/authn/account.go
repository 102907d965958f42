package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// ErrIssuerUnavailable answers a token that nobody can verify for now.
var ErrIssuerUnavailable = fault.Of(faultv1.Reason_REASON_ISSUER_UNAVAILABLE)

// Account is what a verified token of an identity provider says.
type Account struct {
	Issuer  string
	Subject string
	// SecondFactor says whether the person has proven itself by a second factor,
	// or need not with this issuer.
	SecondFactor bool
	// Until is when the token ends.
	Until time.Time
}

// Digest is what the account is found by: nobody needs to know more of it.
func Digest(issuer, subject string) []byte {
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject))
	return sum[:]
}

// longestToken is the longest token of an identity provider, in bytes: those that name
// every group and role of a person are that long.
const longestToken = 16 << 10

// isToken says whether the credential has the form of a signed JWT, which no key
// has.
func isToken(token string) bool { return strings.Count(token, ".") == 2 }

// BearsKey says whether the call carries a key, by its form.
func BearsKey(ctx context.Context) bool {
	token, err := bearer(ctx)
	return err == nil && strings.HasPrefix(token, scanned)
}

// account returns the principal whose account the token is of. Tokens cannot be
// guessed, so that wrong ones are charged to nobody's network; they are refused
// from memory for as long as a good one is believed.
func (k *Keys) account(ctx context.Context, token string) (Principal, error) {
	digest := sha256.Sum256([]byte(token))
	c := credential{"." + hex.EncodeToString(digest[:]), digest} // no key's id begins so
	now := k.Now()
	if b, ok, err := k.recall(c, now); ok {
		return b.principal, err
	}
	p, until, err := k.linked(ctx, token)
	switch {
	case err == nil && now.Before(until):
		k.remember(c.id, belief{digest: c.digest, principal: p, until: earlier(until, now.Add(Lifetime))})
	case errors.Is(err, ErrUnauthenticated):
		k.refuse(c, now.Add(Lifetime))
	}
	return p, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// linked verifies the token and asks organization whose account it is of.
func (k *Keys) linked(ctx context.Context, token string) (p Principal, until time.Time, err error) {
	account, err := k.Verify(ctx, token)
	if err != nil {
		return p, until, err
	}
	answer, err := k.Introspect(ctx, &organizationv1.IntrospectRequest{Digest: Digest(account.Issuer, account.Subject)})
	if err != nil {
		return p, until, err
	}
	if answer.GetPrincipal() == "" {
		return p, until, ErrUnauthenticated
	}
	p = Principal{Name: answer.GetPrincipal(), Unit: answer.GetUnit(), SecondFactor: account.SecondFactor}
	return p, account.Until, nil
}
