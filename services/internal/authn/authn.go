// Package authn says who is calling: it turns the key that a call carries into
// a principal. What the principal may do is for authz to say; keys are issued
// and kept by the organization service, which this package asks.
package authn

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// ErrUnauthenticated answers a missing key and one that does not hold alike.
var ErrUnauthenticated = fault.Of(faultv1.Reason_REASON_UNAUTHENTICATED)

// Principal is who calls. The zero Principal is the public.
type Principal struct {
	Name      string          // units/{unit}/members/{member}, machines/{machine} or services/{service}
	Key       string          // the name of the key used
	Roles     []accessv1.Role // the roles that the key narrows to; empty: all
	Unit      string          // the subtree that the key narrows to; empty: all
	Bootstrap bool            // the bootstrap key of the first start
}

// Person says whether the principal is a human being.
func (p Principal) Person() bool { return strings.HasPrefix(p.Name, "units/") }

// Service returns the name of the service that calls in its own name, or "".
func (p Principal) Service() string {
	name, _ := strings.CutPrefix(p.Name, "services/")
	if name == p.Name {
		return ""
	}
	return name
}

type principalKey struct{}

// With returns a context that carries the principal.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the principal of the call.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

type callerKey struct{}

type caller struct {
	service string
	remote  bool
}

// WithCaller marks a call as made by a service of the suite in this process. Only
// the connection between services does so; nothing a client sends can.
func WithCaller(ctx context.Context, service string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{service: service})
}

// WithRemote marks a call as made by a service in another process, which its
// certificate proves. Only the listener for other processes does so.
func WithRemote(ctx context.Context, service string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{service: service, remote: true})
}

// Caller returns the service that makes the call, or "" for a client.
func Caller(ctx context.Context) string {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.service
}

// Within says whether the call is made by a service of this process.
func Within(ctx context.Context) bool {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.service != "" && !c.remote
}

// Forward returns a context on which a service calls another for its own caller:
// the key travels with the call, and the other decides by it. Without a key the
// call is the service's own.
func Forward(ctx context.Context) context.Context {
	for _, key := range metadata.ValueFromIncomingContext(ctx, "authorization") {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", key)
	}
	return ctx
}

// Lifetime bounds how long a key is believed after it was introspected: so long
// does a revocation take to reach every service.
const Lifetime = time.Second

const remembered = 10_000 // keys at most; beyond it all are forgotten

// Keys authenticates by API key.
type Keys struct {
	Introspect func(context.Context, *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error)
	Now        func() time.Time // real time

	mu    sync.Mutex
	known map[string]belief
}

type belief struct {
	principal Principal
	until     time.Time
}

// Authenticate returns the principal whose key the call carries. A call without
// a key is the calling service's own, or the public's.
func (k *Keys) Authenticate(ctx context.Context) (Principal, error) {
	token, err := bearer(ctx)
	if err != nil {
		return Principal{}, err
	}
	if token == "" {
		if service := Caller(ctx); service != "" {
			return Principal{Name: "services/" + service}, nil
		}
		return Principal{}, nil
	}
	now := k.Now()
	if p, ok := k.recall(token, now); ok {
		return p, nil
	}
	p, err := k.ask(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	k.remember(token, belief{p, now.Add(Lifetime)})
	return p, nil
}

// bearer returns the token of the authorization header, or "".
func bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > 256 {
		return "", ErrUnauthenticated
	}
	return token, nil
}

func (k *Keys) ask(ctx context.Context, token string) (Principal, error) {
	id, secret, ok := Split(token)
	if !ok {
		return Principal{}, ErrUnauthenticated
	}
	digest := sha256.Sum256([]byte(secret))
	answer, err := k.Introspect(ctx, &organizationv1.IntrospectRequest{KeyId: id, Digest: digest[:]})
	if err != nil {
		return Principal{}, err
	}
	if answer.GetBootstrap() {
		return Principal{Name: "bootstrap", Bootstrap: true}, nil
	}
	key := answer.GetApiKey()
	if key == nil {
		return Principal{}, ErrUnauthenticated
	}
	return Principal{Name: key.GetPrincipal(), Key: key.GetName(), Roles: key.GetRoles(), Unit: key.GetUnit()}, nil
}

func (k *Keys) recall(token string, now time.Time) (Principal, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.known[token]
	return b.principal, ok && now.Before(b.until)
}

func (k *Keys) remember(token string, b belief) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= remembered {
		k.known = map[string]belief{}
	}
	k.known[token] = b
}

// Prefix starts every key, so that scanners recognise one that leaked.
const Prefix = "duban_"

// Join writes a key as its holder sends it.
func Join(id, secret string) string { return Prefix + id + "_" + secret }

// Split undoes Join.
func Split(token string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(token, Prefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && id != "" && secret != ""
}
