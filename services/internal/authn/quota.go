package authn

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
)

// ErrNetwork answers a good key from a network that it does not hold in.
var ErrNetwork = fault.Of(faultv1.Reason_REASON_NETWORK_REFUSED)

// Quota is how often a key may be used, and how much of that is left.
type Quota struct {
	PerMinute, PerDay int // calls; 0: no bound
	// Left are the day's calls after this one; below 0, this one is too many.
	// Other processes' calls are counted as of half a second ago.
	Left int
	// Reset is when the day ends.
	Reset time.Duration
}

type addressKey struct{}

// WithAddress tells Authenticate, and nobody else, where a client calls from: a
// key may hold in some networks only. The address goes no further.
func WithAddress(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, a)
}

// holdsIn says whether a key that is bound to the networks may be used by this
// call. Where a client calls from is not known, it may not.
func holdsIn(ctx context.Context, networks []netip.Prefix) bool {
	a, _ := ctx.Value(addressKey{}).(netip.Addr)
	a = a.Unmap().WithZone("")
	return len(networks) == 0 || slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// networks reads the networks of a key.
func networks(k *organizationv1.ApiKey) (all []netip.Prefix, err error) {
	for _, text := range k.GetAllowedNetworks() {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("the networks of %s: %w", k.GetName(), err)
		}
		all = append(all, n)
	}
	return all, nil
}

// use is a client's call with the key that b is about: it refuses a network that
// the key does not hold in, and counts. Calls between services were counted when
// they came in.
func (k *Keys) use(ctx context.Context, id string, b belief, now time.Time) (Principal, error) {
	if Caller(ctx) != "" {
		return b.principal, nil
	}
	if !holdsIn(ctx, b.networks) {
		return Principal{}, ErrNetwork
	}
	p, before := b.principal, k.count(id)
	if p.Quota.PerDay > 0 {
		p.Quota.Left = p.Quota.PerDay - 1 - int(before)
		p.Quota.Reset = calendar.On(now).End().Sub(now)
	}
	return p, nil
}

// count counts a call with the key and returns how many there were today before it.
func (k *Keys) count(id string) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.known[id]
	if !ok { // forgotten this moment, with all others
		return 0
	}
	before := b.today + uint64(b.calls)
	b.calls++
	k.known[id] = b
	return before
}

// untold takes the calls with a key that organization has not been told of.
func (k *Keys) untold(c credential) uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.known[c.id]
	if b.digest != c.digest { // whoever has no key says nothing about it
		return 0
	}
	calls := b.calls
	b.today, b.calls = b.today+uint64(calls), 0
	k.known[c.id] = b
	return calls
}

// retell gives calls back that organization could not be told of.
func (k *Keys) retell(id string, calls uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b, ok := k.known[id]; ok {
		b.today, b.calls = b.today-min(b.today, uint64(calls)), b.calls+calls
		k.known[id] = b
	}
}
