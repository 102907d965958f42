package authn

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
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

// Keys authenticates by API key, and by token of an identity provider. It is safe
// for concurrent use.
type Keys struct {
	// Introspect asks organization whose key or account it is.
	Introspect func(context.Context, *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error)
	// Verify returns the account that a token was issued to, or an error that is
	// ErrUnauthenticated or ErrIssuerUnavailable; nil: no tokens are taken.
	Verify func(ctx context.Context, token string) (Account, error)
	// Form is that of this installation's keys.
	Form Form
	// Sign says whether a key is enough where a second factor is asked for.
	Sign bool
	// Now is real time.
	Now func() time.Time

	mu       sync.Mutex
	known    map[string]belief        // by the key's id, as a key has one secret
	refused  map[credential]time.Time // until when; apart, so that wrong keys crowd no good one out
	issued   map[string]struct{}      // ids, of ended keys too
	lines    map[string]tally         // by the name of the first key
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
	networks  []netip.Prefix // that the key holds in; none: any
	until     time.Time
}

// Authenticate returns the principal whose key or token the call carries. A call
// without either is the calling service's own, or the public's. With ErrNetwork it
// says whose key was refused.
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
	if k.Verify != nil && isToken(token) {
		return k.account(ctx, token)
	}
	id, secret, ok := k.Form.Split(token)
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
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > longestToken {
		return "", ErrUnauthenticated
	}
	return token, nil
}

// whose returns the principal of a key, if it may be used so.
func (k *Keys) whose(ctx context.Context, c credential) (Principal, error) {
	now := k.Now()
	b, ok, err := k.recall(c, now)
	if !ok {
		b, err = k.learn(ctx, c, now)
	}
	if err != nil {
		return Principal{}, err
	}
	return k.use(ctx, b, now)
}

// learn asks for what is not known, unless the caller has failed too often.
func (k *Keys) learn(ctx context.Context, c credential, now time.Time) (belief, error) {
	who := k.culprit(ctx, c.id)
	if Caller(ctx) == "" && !k.held(c) && !k.failures.mayTry(who, now) {
		return belief{}, ErrTooManyFailures
	}
	b, err := k.ask(ctx, c)
	switch {
	case err == nil:
		b.until = now.Add(Lifetime)
		k.remember(c.id, b)
	case errors.Is(err, ErrUnauthenticated):
		k.refuse(c, now.Add(Lifetime))
		k.failures.charge(who, now)
	}
	return b, err
}

// ask asks organization whose key it is, and tells it how often it was used.
func (k *Keys) ask(ctx context.Context, c credential) (belief, error) {
	line, calls := k.tell(c)
	answer, err := k.Introspect(ctx, &organizationv1.IntrospectRequest{KeyId: c.id, Digest: c.digest[:], Calls: calls})
	if err != nil {
		k.retell(line, calls)
		return belief{}, err
	}
	if answer.GetBootstrap() {
		return belief{digest: c.digest, principal: Principal{Name: "bootstrap", Bootstrap: true}}, nil
	}
	key := answer.GetApiKey()
	if key == nil { // it has ended: its successor tells
		k.retell(line, calls)
		return belief{}, ErrUnauthenticated
	}
	p := k.holder(key)
	if p.Quota.PerDay > 0 {
		k.told(p.Quota.Line, answer.GetCallsToday())
	}
	within, err := networks(key)
	return belief{digest: c.digest, principal: p, networks: within}, err
}

// holder is who calls with the key.
func (k *Keys) holder(key *organizationv1.ApiKey) Principal {
	q := key.GetQuota()
	return Principal{
		Name: key.GetPrincipal(), Key: key.GetName(), Roles: key.GetRoles(), Scopes: key.GetScopes(), Unit: key.GetUnit(), SecondFactor: k.Sign,
		Quota: Quota{PerMinute: int(q.GetPerMinute()), PerDay: int(q.GetPerDay()), Line: cmp.Or(key.GetFirstKey(), key.GetName())},
	}
}

// recall returns the answer about c that is still believed, if there is one.
func (k *Keys) recall(c credential, now time.Time) (_ belief, ok bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.known[c.id]; b.digest == c.digest && now.Before(b.until) {
		return b, true, nil
	}
	if now.Before(k.refused[c]) {
		return belief{}, true, ErrUnauthenticated
	}
	return belief{}, false, nil
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
	if k.known[c.id].digest == c.digest {
		delete(k.known, c.id) // it was good
	}
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
	if b, ok := k.known[id]; ok {
		b.until = time.Time{}
		k.known[id] = b
	}
}
