package authn

import (
	"context"
	"net/netip"

	"google.golang.org/grpc/metadata"
)

// relayed is how the gateway tells another process where a client's call comes
// from. Nobody else is believed.
const relayed = "duban-client"

// Relay returns the context on which the gateway makes a client's call in another
// process: it tells the client's address.
func Relay(ctx context.Context) context.Context {
	sent, _ := metadata.FromOutgoingContext(ctx)
	sent = sent.Copy()
	if sent == nil {
		sent = metadata.MD{}
	}
	sent.Set(relayed, Peer(ctx).String())
	return metadata.NewOutgoingContext(ctx, sent)
}

// Relayed returns the context of a call that the gateway made so. It MUST NOT be
// used for calls of others, who can write what they like.
func Relayed(ctx context.Context) context.Context {
	var from netip.Addr
	if told := metadata.ValueFromIncomingContext(ctx, relayed); len(told) == 1 {
		from, _ = netip.ParseAddr(told[0]) // the zero Addr if it is none
	}
	return WithPeer(ctx, from)
}
