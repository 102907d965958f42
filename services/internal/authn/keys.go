package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Lifetime bounds how long an answer about a key is believed. A revocation is
// promised to hold within a second: this leaves half of it for the asking.
const Lifetime = 500 * time.Millisecond

const remembered = 10_000 // answers of either kind at most; beyond it all are forgotten

// Keys authenticates by API key. It is safe for concurrent use.
type Keys struct {
	// Introspect asks organization whose key it is.
	Introspect func(context.Context, *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error)
	// Now is real time.
	Now func() time.Time

	mu       sync.Mutex
	known    map[string]belief        // by the key's id, as a key has one secret
	refused  map[credential]time.Time // until when; apart, so that wrong keys crowd no good one out
	issued   map[string]struct{}      // ids, of ended keys too
	failures failures
}

// credential is what a key says of itself.
type credential struct {
	id     string
	digest [sha256.Size]byte
}

type belief struct {
	digest    [sha256.Size]byte
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
	id, secret, ok := Split(token)
	if !ok {
		return Principal{}, ErrUnauthenticated
	}
	return k.whose(ctx, credential{id, sha256.Sum256([]byte(secret))})
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

// whose asks for what is not known, unless the caller has failed too often.
func (k *Keys) whose(ctx context.Context, c credential) (Principal, error) {
	now := k.Now()
	if p, ok, err := k.recall(c, now); ok {
		return p, err
	}
	who := k.culprit(ctx, c.id)
	if Caller(ctx) == "" && !k.held(c) && !k.failures.mayTry(who, now) {
		return Principal{}, ErrTooManyFailures
	}
	p, err := k.ask(ctx, c)
	switch {
	case err == nil:
		k.remember(c.id, belief{c.digest, p, now.Add(Lifetime)})
	case errors.Is(err, ErrUnauthenticated):
		k.refuse(c, now.Add(Lifetime))
		k.failures.charge(who, now)
	}
	return p, err
}

func (k *Keys) ask(ctx context.Context, c credential) (Principal, error) {
	answer, err := k.Introspect(ctx, &organizationv1.IntrospectRequest{KeyId: c.id, Digest: c.digest[:]})
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

// recall returns the answer about c that is still believed, if there is one.
func (k *Keys) recall(c credential, now time.Time) (_ Principal, ok bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.known[c.id]; b.digest == c.digest && now.Before(b.until) {
		return b.principal, true, nil
	}
	if now.Before(k.refused[c]) {
		return Principal{}, true, ErrUnauthenticated
	}
	return Principal{}, false, nil
}

// held says whether c was good when it was last asked for: its owner is not kept
// out by who tries other secrets with the same id.
func (k *Keys) held(c credential) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.known[c.id]
	return ok && b.digest == c.digest
}

func (k *Keys) remember(id string, b belief) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= remembered {
		k.known = map[string]belief{}
	}
	k.known[id] = b
}

func (k *Keys) refuse(c credential, until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refused == nil || len(k.refused) >= remembered {
		k.refused = map[credential]time.Time{}
	}
	k.refused[c] = until
}

// culprit is who is charged if the key with that id does not hold.
func (k *Keys) culprit(ctx context.Context, id string) culprit {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.issued[id]; !ok {
		id = ""
	}
	return culprit{Network(ctx), id}
}

// Heard notes that organization's feed tells of the key, named apiKeys/{key}: it
// was issued or has changed, and the next call that carries it is asked for.
func (k *Keys) Heard(name string) {
	id := strings.TrimPrefix(name, "apiKeys/")
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.issued == nil {
		k.issued = map[string]struct{}{}
	}
	k.issued[id] = struct{}{}
	delete(k.known, id)
}
