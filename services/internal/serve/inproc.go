package serve

import (
	"context"
	"fmt"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/wire"
)

// conn is a connection to the services of this process that behaves like one
// over TCP: the same steps, the same statuses, and no message shared between
// caller and handler.
type conn struct {
	*inprocgrpc.Channel
	process *Process
}

// Conn returns a connection to the services of this process, those added later
// included. Calls over it are made by the service as; an empty name makes them
// a client's.
func (p *Process) Conn(as string) grpc.ClientConnInterface {
	mark := func(ctx context.Context, _ Call, next func(context.Context) error) error {
		if as == "" {
			return next(fromGateway(ctx))
		}
		ctx = authn.WithNetwork(ctx, authn.Network(inprocgrpc.ClientContext(ctx)))
		return next(authn.WithCaller(ctx, as))
	}
	steps := chain(mark, p.every)
	channel := (&inprocgrpc.Channel{}).
		WithCloner(inprocgrpc.CopyFunc(thaw)).
		WithServerUnaryInterceptor(steps.unary).
		WithServerStreamInterceptor(steps.stream)
	if p.Served != nil {
		channel.WithServerStatsHandler(p.Served)
	}
	if p.Made != nil {
		channel.WithClientStatsHandler(p.Made)
	}
	p.channels = append(p.channels, channel)
	healthv1.RegisterHealthServer(channel, p.health)
	for _, s := range p.services {
		s.Register(wire.Registrar{ServiceRegistrar: channel})
	}
	return conn{channel, p}
}

// Invoke encodes the request before it leaves the caller, who may change it once
// the call has ended, even while the handler still runs.
func (c conn) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	b, err := proto.Marshal(req.(proto.Message))
	if err != nil {
		return status.Error(codes.Internal, "encoding the request: "+err.Error())
	}
	return FromStatus(c.Channel.Invoke(ctx, method, frozen(b), resp, opts...))
}

// frozen is an encoded message.
type frozen []byte

// thaw copies a message, a request as well as an answer, by way of its bytes, as
// a wire would.
func thaw(out, in any) error {
	b, ok := in.(frozen)
	if !ok {
		m, isMessage := in.(proto.Message)
		if !isMessage {
			return fmt.Errorf("%T is not a message", in)
		}
		var err error
		if b, err = proto.Marshal(m); err != nil {
			return err
		}
	}
	switch out := out.(type) {
	case *frozen:
		*out = b
		return nil
	case *wire.Message:
		out.Read(b)
		return nil
	default:
		return proto.Unmarshal(b, out.(proto.Message))
	}
}
