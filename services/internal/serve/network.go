package serve

import (
	"context"
	"net"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/duban-project/duban/services/internal/authn"
)

// NetworkHeader is the metadata by which the gateway, and nobody else, says from
// which network a request came: a hash, never an address.
const NetworkHeader = "duban-network"

// fromGateway believes the gateway, which reaches a process from within it.
func fromGateway(ctx context.Context) context.Context {
	if values := metadata.ValueFromIncomingContext(ctx, NetworkHeader); len(values) == 1 {
		return authn.WithNetwork(ctx, values[0])
	}
	return ctx
}

// fromPeer asks the connection: what a client over TCP sends about its network
// is not looked at.
func (p *Process) fromPeer(ctx context.Context, _ Call, next func(context.Context) error) error {
	return next(authn.WithNetwork(ctx, p.networkOf(ctx)))
}

// networkOf is the network that the call's connection comes from, "" if that is
// not known.
func (p *Process) networkOf(ctx context.Context) string {
	from, ok := peer.FromContext(ctx)
	if !ok || p.Network == nil {
		return ""
	}
	at, ok := from.Addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	return p.Network(at.AddrPort().Addr())
}
