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

// rateLimit bounds how often each principal calls, and each key by its quota. The
// public shares one bucket.
func rateLimit(limits Limits) Step {
	b := &buckets{each: limit.Size{Rate: rate.Limit(limits.Rate), Burst: limits.Burst}}
	return func(ctx context.Context, call Call, next func(context.Context) error) error {
		p := authn.From(ctx)
		if p.Service() != "" || authn.Caller(ctx) != "" || open(call.Method) {
			return next(ctx)
		}
		all := b.spend(p)
		if err := tell(ctx, call, metadata.Pairs(PolicyHeader, policy(all), LimitHeader, left(all))); err != nil {
			return err
		}
		for _, a := range all {
			if a.refused != nil {
				return a.refused.After(a.wait)
			}
		}
		return next(ctx)
	}
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

// buckets are what is left to principals, and to keys by their quotas.
type buckets struct {
	each       limit.Size // of principals
	principals limit.Table[string]
	keys       limit.Table[string]
}

// spend takes one call from all that bounds p. What one refuses may have taken
// from the others: who calls too often is not owed exactness.
func (b *buckets) spend(p authn.Principal) []allowance {
	all := []allowance{take("calls", b.principals.Of(p.Name, b.each, time.Time{}))}
	if q := p.Quota.PerMinute; q > 0 {
		all = append(all, take("minute", b.keys.Of(p.Key, limit.Size{Rate: rate.Limit(float64(q) / 60), Burst: q}, time.Time{})))
	}
	if q := p.Quota; q.PerDay > 0 {
		day := allowance{name: "day", quota: q.PerDay, window: 24 * time.Hour, left: max(q.Left, 0), reset: q.Reset}
		if q.Left < 0 {
			day.refused, day.wait = errQuotaSpent, q.Reset
		}
		all = append(all, day)
	}
	return all
}

// take takes one call from a bucket.
func take(name string, l *rate.Limiter) allowance {
	a := allowance{name: name, quota: l.Burst(), window: seconds(float64(l.Burst()) / float64(l.Limit()))}
	if !l.Allow() {
		a.refused = errRateLimited
	}
	tokens := l.Tokens()
	a.left = max(int(tokens), 0)
	a.reset = seconds((float64(l.Burst()) - tokens) / float64(l.Limit()))
	a.wait = seconds((1 - tokens) / float64(l.Limit()))
	return a
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
