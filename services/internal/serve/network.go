package serve

import (
	"context"
	"net"
	"net/netip"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/duban-project/duban/services/internal/authn"
)

// NetworkHeader is the metadata by which the gateway, and nobody else, says from
// which network a request came: a hash, never an address.
const NetworkHeader = "duban-network"

// AddressHeader is the metadata by which the gateway, and nobody else, says from
// which address a request with a key came, as a key may hold in some networks
// only. Authentication is shown it; it goes no further.
const AddressHeader = "duban-address"

// fromGateway believes the gateway, which reaches a process from within it.
func fromGateway(ctx context.Context) context.Context {
	if values := metadata.ValueFromIncomingContext(ctx, NetworkHeader); len(values) == 1 {
		ctx = authn.WithNetwork(ctx, values[0])
	}
	if values := metadata.ValueFromIncomingContext(ctx, AddressHeader); len(values) == 1 {
		ctx = withoutAddress(ctx)
		if a, err := netip.ParseAddr(values[0]); err == nil {
			ctx = authn.WithAddress(ctx, a)
		}
	}
	return ctx
}

// withoutAddress takes the address from the metadata, so that no handler sees it.
func withoutAddress(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	delete(md, AddressHeader)
	return metadata.NewIncomingContext(ctx, md)
}

// fromPeer asks the connection: what a client over TCP sends about where it is is
// not looked at.
func (p *Process) fromPeer(ctx context.Context, _ Call, next func(context.Context) error) error {
	at := addressOf(ctx)
	if shown := certificateOf(ctx); len(shown) > 0 {
		return next(authn.WithCertificate(ctx, shown))
	}
	return next(authn.WithAddress(authn.WithNetwork(ctx, p.networkOf(at)), at))
}

// certificateOf is the certificate that the other side of the connection proved to have;
// empty if it was asked for none.
func certificateOf(ctx context.Context) []byte {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil
	}
	return info.State.PeerCertificates[0].Raw
}

// addressOf is where the call's connection comes from, if that is known.
func addressOf(ctx context.Context) netip.Addr {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return netip.Addr{}
	}
	at, ok := from.Addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return at.AddrPort().Addr()
}

// networkOf is the network of an address, "" if that is not known.
func (p *Process) networkOf(at netip.Addr) string {
	if !at.IsValid() || p.Network == nil {
		return ""
	}
	return p.Network(at)
}
