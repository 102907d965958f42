// Package network tells callers without credentials apart by the network that
// they call from, and bounds what each may do, without keeping where that is: an
// address comes in, a keyed hash goes on, and the key is thrown away every hour.
// Nothing here is ever stored or logged. Who calls with credentials is for authn
// to say; what a principal may do, for serve.
package network

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rotation is how long a network keeps its hash.
const Rotation = time.Hour

// Veil hides addresses. It is safe for concurrent use.
type Veil struct {
	// Now is real time.
	Now func() time.Time

	mu    sync.Mutex
	key   [32]byte
	until time.Time
}

// Of returns the hash of the network that an address lies in: itself for IPv4,
// its /64 for IPv6, of which a household has one. It is "" for no address.
func (v *Veil) Of(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return ""
	}
	bits := 64
	if a.Is4() {
		bits = 32
	}
	block, _ := a.Prefix(bits) // it has as many bits
	key := v.current()
	mac := hmac.New(sha256.New, key[:])
	mac.Write(block.Addr().AsSlice())
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func (v *Veil) current() [32]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := v.Now(); !now.Before(v.until) {
		_, _ = rand.Read(v.key[:]) // never fails
		v.until = now.Add(Rotation)
	}
	return v.key
}

// Limit is how much is admitted: so many a second on average, and so many at
// once.
type Limit struct {
	Rate  rate.Limit
	Burst int
}

// Gate admits up to a limit of each network, and of all together. It is safe for
// concurrent use.
type Gate struct {
	each Limit
	all  *rate.Limiter

	mu    sync.Mutex
	order *list.List // of *bucket, the latest used first
	held  map[string]*list.Element
}

// Held is how many networks a Gate remembers. One that is forgotten starts anew.
const Held = 10_000

type bucket struct {
	network string
	left    *rate.Limiter
}

// NewGate returns a gate through which nobody has come yet.
func NewGate(each, all Limit) *Gate {
	return &Gate{each: each, all: rate.NewLimiter(all.Rate, all.Burst), order: list.New(), held: map[string]*list.Element{}}
}

// Admit says whether one more from the network is let in at that time. Those of
// whom no network is known share one. What its own network keeps out uses up
// nothing of the limit for all.
func (g *Gate) Admit(network string, now time.Time) bool {
	return g.of(network).AllowN(now, 1) && g.all.AllowN(now, 1)
}

func (g *Gate) of(network string) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.held[network]; e != nil {
		g.order.MoveToFront(e)
		return e.Value.(*bucket).left
	}
	if len(g.held) >= Held {
		oldest := g.order.Remove(g.order.Back()).(*bucket)
		delete(g.held, oldest.network)
	}
	b := &bucket{network, rate.NewLimiter(g.each.Rate, g.each.Burst)}
	g.held[network] = g.order.PushFront(b)
	return b.left
}
