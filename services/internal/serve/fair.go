package serve

import (
	"sync"

	"golang.org/x/time/rate"

	"github.com/duban-project/duban/services/internal/limit"
)

// kept is by what the public's burst is divided: that part of it is kept back for
// networks that have not had their share.
const kept = 2

// fair is the bound of a limiter that many networks have in common. Once it is down
// to what is kept back, it serves a network its share alone: however many others
// call, and how often, each is served.
func fair(name string, all, share *rate.Limiter) bound {
	whole := bucket(name, all)
	return func(takes bool) allowance {
		scarce := all.Tokens() < float64(all.Burst())/kept+1
		had := !takes || share.Allow()
		if scarce && !had {
			a := whole(false)
			a.left, a.refused, a.wait = 0, errRateLimited, seconds((1-share.Tokens())/float64(share.Limit()))
			return a
		}
		return whole(takes)
	}
}

// callers counts the networks that called in the last turn or in this one, up to
// limit.Most.
type callers struct {
	mu        sync.Mutex
	turns     *rate.Limiter // admits the beginning of each
	now, last map[string]struct{}
}

// with counts a network that calls now.
func (c *callers) with(network string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turns.Allow() || c.now == nil {
		c.now, c.last = map[string]struct{}{}, c.now
	}
	if len(c.now) < limit.Most {
		c.now[network] = struct{}{}
	}
	return max(len(c.now), len(c.last))
}
