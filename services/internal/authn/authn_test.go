package authn_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
)

// registry is an organization that knows one key.
type registry struct {
	revoked bool
	asked   int
}

func (r *registry) introspect(_ context.Context, req *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
	r.asked++
	want := sha256.Sum256([]byte("secret"))
	if r.revoked || req.GetKeyId() != "k1" || string(req.GetDigest()) != string(want[:]) {
		return &organizationv1.IntrospectResponse{}, nil
	}
	return &organizationv1.IntrospectResponse{ApiKey: &organizationv1.ApiKey{Name: "apiKeys/k1", Principal: "units/u/members/m"}}, nil
}

func bearer(value string) context.Context {
	return metadata.NewIncomingContext(context.Background(), metadata.Pairs("authorization", value))
}

func TestAuthenticate(t *testing.T) {
	for _, c := range []struct {
		name string
		ctx  context.Context
		want string
		err  error
	}{
		{"a key", bearer("Bearer " + authn.Real.Join("k1", "secret")), "units/u/members/m", nil},
		{"in another case", bearer("bearer " + authn.Real.Join("k1", "secret")), "units/u/members/m", nil},
		{"a wrong secret", bearer("Bearer " + authn.Real.Join("k1", "guess")), "", authn.ErrUnauthenticated},
		{"an unknown key", bearer("Bearer " + authn.Real.Join("k2", "secret")), "", authn.ErrUnauthenticated},
		{"no key of ours", bearer("Bearer abc"), "", authn.ErrUnauthenticated},
		{"another scheme", bearer("Basic abc"), "", authn.ErrUnauthenticated},
		{"an endless one", bearer("Bearer " + authn.Real.Join("k1", string(make([]byte, 300)))), "", authn.ErrUnauthenticated},
		{"nothing", context.Background(), "", nil},
		{"a service", authn.WithCaller(context.Background(), "complaint"), "services/complaint", nil},
		{"a service for a person", authn.WithCaller(bearer("Bearer "+authn.Real.Join("k1", "secret")), "complaint"), "units/u/members/m", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := authn.Keys{Introspect: (&registry{}).introspect, Now: time.Now}
			p, err := k.Authenticate(c.ctx)
			if p.Name != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("Authenticate = %q, %v; want %q, %v", p.Name, err, c.want, c.err)
			}
		})
	}
}

// promised is how soon a revoked key is refused, by the contract.
const promised = time.Second

func TestARevokedKeyIsBelievedForHalfOfThePromise(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &registry{}
	k := authn.Keys{Introspect: r.introspect, Now: func() time.Time { return now }}
	ctx := bearer("Bearer " + authn.Real.Join("k1", "secret"))
	for range 3 {
		if _, err := k.Authenticate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if r.asked != 1 {
		t.Errorf("asked %d times at once, want once", r.asked)
	}
	r.revoked = true
	now = now.Add(promised / 2)
	if _, err := k.Authenticate(ctx); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("half of the promised time after the revocation = %v, want ErrUnauthenticated", err)
	}
}

func TestAChangedKeyIsAskedForAtOnce(t *testing.T) {
	r := &registry{}
	k := authn.Keys{Introspect: r.introspect, Now: func() time.Time { return time.Unix(0, 0) }}
	ctx := bearer("Bearer " + authn.Real.Join("k1", "secret"))
	if _, err := k.Authenticate(ctx); err != nil {
		t.Fatal(err)
	}
	r.revoked = true
	k.Heard("apiKeys/k2")
	if _, err := k.Authenticate(ctx); err != nil {
		t.Errorf("with another key changed = %v", err)
	}
	k.Heard("apiKeys/k1")
	if _, err := k.Authenticate(ctx); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("once changed = %v, want ErrUnauthenticated", err)
	}
}

func TestAKeySignsWhereItMay(t *testing.T) {
	for _, may := range []bool{true, false} {
		k := authn.Keys{Introspect: (&registry{}).introspect, Now: time.Now, Sign: may}
		if p, err := k.Authenticate(bearer("Bearer " + authn.Real.Join("k1", "secret"))); err != nil || p.SecondFactor != may {
			t.Errorf("a key that may sign, %v: %v, %v", may, p.SecondFactor, err)
		}
	}
}

// TestATokenIsVerifiedOnceInAWhile: from memory for half a second, and never
// beyond its end.
func TestATokenIsVerifiedOnceInAWhile(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	verified, end := 0, now.Add(authn.Lifetime/2)
	k := authn.Keys{
		Now: func() time.Time { return now },
		Introspect: func(context.Context, *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
			return &organizationv1.IntrospectResponse{Principal: "units/u/members/m"}, nil
		},
		Verify: func(context.Context, string) (authn.Account, error) {
			verified++
			if !now.Before(end) {
				return authn.Account{}, authn.ErrUnauthenticated
			}
			return authn.Account{Issuer: "i", Subject: "s", Until: end}, nil
		},
	}
	for range 3 {
		if p, err := k.Authenticate(bearer("Bearer a.b.c")); err != nil || p.Name != "units/u/members/m" {
			t.Fatal(p, err)
		}
	}
	now = end
	for range 3 {
		if _, err := k.Authenticate(bearer("Bearer a.b.c")); !errors.Is(err, authn.ErrUnauthenticated) {
			t.Errorf("at its end: %v", err)
		}
	}
	if verified != 2 {
		t.Errorf("verified %d times, want 2", verified)
	}
	if _, err := k.Authenticate(bearer("Bearer a.b." + string(make([]byte, 16<<10)))); !errors.Is(err, authn.ErrUnauthenticated) || verified != 2 {
		t.Errorf("an endless one: %v, verified %d times", err, verified)
	}
}
