package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// networkHeader is the metadata by which services know from which network a
// request came. No header of a client becomes it.
const networkHeader = "duban-network"

type networkKey struct{}

// withNetwork remembers, hidden, where the request came from. The address itself
// goes nowhere.
func (o Options) withNetwork(ctx context.Context, r *http.Request) context.Context {
	if o.Network == nil {
		return ctx
	}
	return context.WithValue(ctx, networkKey{}, o.Network(o.client(r)))
}

// networkOf is what generated code sends along.
func networkOf(ctx context.Context, _ *http.Request) metadata.MD {
	network, _ := ctx.Value(networkKey{}).(string)
	if network == "" {
		return nil
	}
	return metadata.Pairs(networkHeader, network)
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
