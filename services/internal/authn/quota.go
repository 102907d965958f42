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
	// Line is the name of the first of the keys that share the quota: those that
	// succeeded each other by rotation.
	Line string
	// Left are the day's calls that are left, of which this one is none yet. Other
	// processes' calls are counted as of half a second ago.
	Left int
	// Reset is when the day ends.
	Reset time.Duration
	// Spend takes one call from the day, if one is left, and returns what is left
	// then. It is nil without a bound for the day.
	Spend func() (left int, ok bool)
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
// the key does not hold in, and says what the call may spend. Calls between services
// were counted, and held against the key's scopes, when they came in.
func (k *Keys) use(ctx context.Context, b belief, now time.Time) (p Principal, err error) {
	p = b.principal
	if Caller(ctx) != "" {
		p.Scopes = nil
		return p, nil
	}
	if !holdsIn(ctx, b.networks) {
		err = ErrNetwork
	}
	if q := &p.Quota; q.PerDay > 0 {
		line, most := q.Line, q.PerDay
		q.Left, q.Reset = k.left(line, most), calendar.On(now).End().Sub(now)
		q.Spend = func() (int, bool) { return k.spend(line, most) }
	}
	return p, err
}

// tally is how often the keys of a line were used today.
type tally struct {
	today  uint64 // as organization has told and as it has been told
	untold uint32 // since then
}

func (t tally) left(most int) int { return max(most-int(t.today)-int(t.untold), 0) }

// left returns how many of so many calls the line has left today.
func (k *Keys) left(line string, most int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lines[line].left(most)
}

// spend counts a call of the line, if it has one left of so many.
func (k *Keys) spend(line string, most int) (left int, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.lines[line]
	if left = t.left(most); left == 0 {
		return 0, false
	}
	t.untold++
	k.tally(line, t)
	return left - 1, true
}

// tell takes the calls with the keys of c's line that organization has not been
// told of.
func (k *Keys) tell(c credential) (line string, calls uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.known[c.id]
	if line = b.principal.Quota.Line; line == "" || b.digest != c.digest { // whoever has no key says nothing about it
		return "", 0
	}
	t := k.lines[line]
	if t.untold > 0 {
		k.tally(line, tally{today: t.today + uint64(t.untold)})
	}
	return line, t.untold
}

// retell gives calls back that organization could not be told of.
func (k *Keys) retell(line string, calls uint32) {
	if calls == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.lines[line]
	k.tally(line, tally{t.today - min(t.today, uint64(calls)), t.untold + calls})
}

// told notes how often organization knows the keys of the line to have been used.
func (k *Keys) told(line string, today uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tally(line, tally{today, k.lines[line].untold}) // these were made while it was asked
}

// tally keeps t of a line. Beyond so many lines all are forgotten.
func (k *Keys) tally(line string, t tally) {
	if _, ok := k.lines[line]; k.lines == nil || !ok && len(k.lines) >= remembered {
		k.lines = map[string]tally{}
	}
	k.lines[line] = t
}
