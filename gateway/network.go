package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// The metadata by which services know from which network a request came, hidden,
// and from which address one with a key. No header of a client becomes them.
const (
	networkHeader = "duban-network"
	addressHeader = "duban-address"
)

type originKey struct{}

// withNetwork remembers, hidden, where the request came from. The address itself
// goes on with a key alone, which may hold in some networks only; that of the
// public goes nowhere.
func (o Options) withNetwork(ctx context.Context, r *http.Request) context.Context {
	if o.Network == nil {
		return ctx
	}
	at := o.client(r)
	origin := metadata.MD{}
	if network := o.Network(at); network != "" {
		origin.Set(networkHeader, network)
	}
	if at.IsValid() && bearsKey(r) {
		origin.Set(addressHeader, at.String())
	}
	return context.WithValue(ctx, originKey{}, origin)
}

// bearsKey says whether the request carries a key of duban's, by its form.
func bearsKey(r *http.Request) bool {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.HasPrefix(token, "duban")
}

// networkOf is what generated code sends along.
func networkOf(ctx context.Context, _ *http.Request) metadata.MD {
	origin, _ := ctx.Value(originKey{}).(metadata.MD)
	return origin
}

// client returns the address of who asks: the peer's or, as long as that is a
// trusted proxy's, the one that it says it forwards for.
func (o Options) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	at := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil || !o.trusts(at) {
			break
		}
		at = before.Unmap()
	}
	return at
}

func (o Options) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
