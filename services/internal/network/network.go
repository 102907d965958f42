// Package network tells callers without credentials apart by the network that
// they call from, and bounds what each may do, without keeping where that is: an
// address comes in, a keyed hash goes on, and the key is thrown away every hour.
// Nothing here is ever stored or logged. It also knows the names of this machine,
// to which a call may go in the clear. Who calls with credentials is for authn
// to say; what a principal may do, for serve.
package network

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/duban-project/duban/services/internal/limit"
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

// Limit is how much is admitted.
type Limit = limit.Size

// Gate admits up to a limit of each network, and of all together. It is safe for
// concurrent use.
type Gate struct {
	each  Limit
	all   *rate.Limiter
	table limit.Table[string]
}

// NewGate returns a gate through which nobody has come yet.
func NewGate(each, all Limit) *Gate {
	return &Gate{each: each, all: rate.NewLimiter(all.Rate, all.Burst)}
}

// Admit says whether one more from the network is let in at that time. Those of
// whom no network is known share one. What its own network keeps out uses up
// nothing of the limit for all.
func (g *Gate) Admit(network string, now time.Time) bool {
	return g.table.Of(network, g.each, now).AllowN(now, 1) && g.all.AllowN(now, 1)
}

// Loopback says whether a host, without brackets, names this machine in a way that
// nobody elsewhere decides: as localhost or by an address of its own, also of
// IPv4 within IPv6.
func Loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
