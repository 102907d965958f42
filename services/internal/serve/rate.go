package serve

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/metadata"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/limit"
)

var (
	errRateLimited = fault.Of(faultv1.Reason_REASON_RATE_LIMITED)
	errQuotaSpent  = fault.Of(faultv1.Reason_REASON_QUOTA_SPENT)
)

// What every answer to a client says of how often it may call, as metadata and as
// headers over REST (draft-ietf-httpapi-ratelimit-headers-10).
const (
	PolicyHeader = "ratelimit-policy"
	LimitHeader  = "ratelimit"
)

// networks is how many networks together may make all the calls that the public may:
// one alone makes so much less of them, and shuts nobody out.
const networks = 8

// rateLimit bounds how often each principal calls, and each key by its quota. The
// public has as much as a principal, and each network that it calls from a part.
func (b *buckets) rateLimit(ctx context.Context, call Call, next func(context.Context) error) error {
	p := authn.From(ctx)
	if p.Service() != "" || authn.Caller(ctx) != "" || open(call.Method) {
		return next(ctx)
	}
	all := spend(b.of(p, authn.Network(ctx)))
	if err := tell(ctx, call, limitsOf(all)); err != nil {
		return err
	}
	for _, a := range all {
		if a.refused != nil {
			return a.refused.After(a.wait)
		}
	}
	return next(ctx)
}

// limitsOf is what an answer says of allowances.
func limitsOf(all []allowance) metadata.MD {
	return metadata.Pairs(PolicyHeader, policy(all), LimitHeader, left(all))
}

// allowance is what is left to a caller by one policy.
type allowance struct {
	name    string
	quota   int           // calls
	window  time.Duration // in which they may be made
	left    int
	reset   time.Duration // until all is there again
	refused *fault.Fault  // if this call is one too many
	wait    time.Duration // then: until another may be made
}

// bound says what one policy leaves to a caller, after taking the call from that or
// without.
type bound func(takes bool) allowance

// buckets are what is left to principals, to networks of the public, and to keys by
// their quotas.
type buckets struct {
	each, part limit.Size // of principals, and of networks
	principals limit.Table[string]
	networks   limit.Table[string] // by their hashes
	shares     limit.Table[string] // of networks, of what is left when it is scarce
	crowd      callers             // of networks that the public calls from
	keys       limit.Table[string] // by the first of those that share a quota
}

func newBuckets(l Limits) *buckets {
	return &buckets{
		each:  limit.Size{Rate: rate.Limit(l.Rate), Burst: l.Burst},
		part:  limit.Size{Rate: rate.Limit(l.Rate / networks), Burst: max(l.Burst/networks, 1)},
		crowd: callers{turns: rate.NewLimiter(rate.Limit(l.Rate/float64(max(l.Burst, 1))), 1)},
	}
}

// share is what each of so many networks may take for certain: one of them has no
// more of what is kept back than another.
func (b *buckets) share(networks int) limit.Size {
	return limit.Size{Rate: b.each.Rate / rate.Limit(networks), Burst: max(b.each.Burst/kept/networks, 1)}
}

// of returns all that bounds a call of p, in the order in which it is asked.
func (b *buckets) of(p authn.Principal, network string) (all []bound) {
	if p.Name == "" {
		all = append(all, bucket("network", b.networks.Of(network, b.part, time.Time{})))
	}
	calls := b.principals.Of(p.Name, b.each, time.Time{})
	if p.Name == "" {
		all = append(all, fair("calls", calls, b.shares.Of(network, b.share(b.crowd.with(network)), time.Time{})))
	} else {
		all = append(all, bucket("calls", calls))
	}
	if q := p.Quota; q.PerMinute > 0 {
		all = append(all, bucket("minute", b.keys.Of(q.Line, limit.Size{Rate: rate.Limit(float64(q.PerMinute) / 60), Burst: q.PerMinute}, time.Time{})))
	}
	if p.Quota.PerDay > 0 {
		all = append(all, day(p.Quota))
	}
	return all
}

// spend takes one call from each, up to the first that refuses it: what is refused
// uses up nothing of the limits behind, the day's least of all.
func spend(bounds []bound) (all []allowance) {
	takes := true
	for _, b := range bounds {
		a := b(takes)
		takes = takes && a.refused == nil
		all = append(all, a)
	}
	return all
}

// look takes nothing.
func look(bounds []bound) (all []allowance) {
	for _, b := range bounds {
		all = append(all, b(false))
	}
	return all
}

// bucket is the bound of a limiter.
func bucket(name string, l *rate.Limiter) bound {
	return func(takes bool) allowance {
		a := allowance{name: name, quota: l.Burst(), window: seconds(float64(l.Burst()) / float64(l.Limit()))}
		if takes && !l.Allow() {
			a.refused = errRateLimited
		}
		tokens := l.Tokens()
		a.left = max(int(tokens), 0)
		a.reset = seconds((float64(l.Burst()) - tokens) / float64(l.Limit()))
		a.wait = seconds((1 - tokens) / float64(l.Limit()))
		return a
	}
}

// day is the bound of a key's quota for the day.
func day(q authn.Quota) bound {
	return func(takes bool) allowance {
		a := allowance{name: "day", quota: q.PerDay, window: 24 * time.Hour, left: q.Left, reset: q.Reset, wait: q.Reset}
		if !takes {
			return a
		}
		left, ok := q.Spend()
		if a.left = left; !ok {
			a.refused = errQuotaSpent
		}
		return a
	}
}

// seconds are at least one, and whole ones from then on.
func seconds(n float64) time.Duration { return time.Duration(max(math.Ceil(n), 1)) * time.Second }

func policy(all []allowance) string {
	return each(all, func(a allowance) string { return fmt.Sprintf("%q;q=%d;w=%d", a.name, a.quota, int(a.window.Seconds())) })
}

func left(all []allowance) string {
	return each(all, func(a allowance) string {
		return fmt.Sprintf("%q;r=%d;t=%d", a.name, a.left, int(math.Ceil(a.reset.Seconds())))
	})
}

func each(all []allowance, text func(allowance) string) string {
	parts := make([]string, len(all))
	for i, a := range all {
		parts[i] = text(a)
	}
	return strings.Join(parts, ", ")
}
