package serve

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/first"
	"github.com/duban-project/duban/services/internal/wire"
)

// Door is a listener at which calls come in.
type Door struct {
	net.Listener
	// Credentials are what both sides prove; nil: the connections are clients', in
	// the clear.
	Credentials credentials.TransportCredentials
	// Caller names the service in another process that the call's connection
	// proves, or is "" for the gateway, whose calls are clients'; nil: all calls
	// are clients' own.
	Caller func(context.Context) string
	// Only, if set, is the one method that is answered here, such as "/x.Service/Method",
	// beside what tells whether the process lives. Whoever comes is who its certificate
	// says.
	Only string
	// To, if set, is where calls are passed on to; nil: the services of this
	// process answer.
	To grpc.ClientConnInterface
}

const (
	// age is how long a connection between processes lasts, and so how long one
	// is believed whose certificate is no longer good.
	age = 30 * time.Minute
	// quiet is how long a connection says nothing before it is asked whether it
	// lives; who asks more often than hasty is sent away. Other roles ask every 10 s.
	quiet = 30 * time.Second
	hasty = 5 * time.Second
	// glance is how long it is looked who calls before there is a stream: the whole
	// connection waits meanwhile. Fetching an issuer's keys may take longer.
	glance = 100 * time.Millisecond
)

func (p *Process) server(d Door) *grpc.Server {
	steps := p.steps(d)
	streams := steps.stream
	if d.Caller == nil {
		streams = first.Small(lasts, streams)
	}
	options := []grpc.ServerOption{
		grpc.UnaryInterceptor(steps.unary),
		grpc.StreamInterceptor(streams),
		grpc.ForceServerCodecV2(wire.Codec()),
		grpc.InTapHandle(only(d, p.known(d, p.gate(d).tap(d.Caller)))),
		grpc.MaxRecvMsgSize(p.largest(d)),
		grpc.MaxSendMsgSize(p.limits.Message),
		grpc.MaxConcurrentStreams(uint32(p.passing.limit)), // on one connection, also of the gateway for many
		grpc.MaxHeaderListSize(32 << 10),                   // a token may have half of it
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: hasty}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: quiet, Timeout: quiet / 3}),
	}
	observer := p.Served
	if d.Caller == nil {
		observer = p.Public
	}
	if observer != nil {
		options = append(options, grpc.StatsHandler(observer))
	}
	if d.Credentials != nil {
		options = append(options, grpc.Creds(d.Credentials))
	}
	if d.Caller != nil {
		options = append(options,
			grpc.KeepaliveParams(keepalive.ServerParameters{Time: quiet, Timeout: quiet / 3, MaxConnectionAge: age, MaxConnectionAgeGrace: p.limits.Deadline}))
	}
	if d.To != nil {
		options = append(options, grpc.UnknownServiceHandler(p.onward(d.To)))
	}
	return p.register(grpc.NewServer(options...), d)
}

// only refuses, before any message is read, what is not answered at the door.
func only(d Door, next tap.ServerInHandle) tap.ServerInHandle {
	if d.Only == "" {
		return next
	}
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		if info.FullMethodName != d.Only && !open(info.FullMethodName) {
			return ctx, status.Error(codes.Unimplemented, "not answered at this address")
		}
		return next(ctx, info)
	}
}

// known refuses a client's call over TCP before there is a stream for it if nobody knows
// who makes it: but for methods that are for everybody no message of a stranger is read.
// That of the first start answers whoever may not call it alike, known or not.
func (p *Process) known(d Door, next tap.ServerInHandle) tap.ServerInHandle {
	if d.To != nil || d.Caller != nil {
		return next // it is asked where the call is answered; what services send is theirs
	}
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		ctx, err := next(ctx, info)
		if m := p.methods[info.FullMethodName]; err != nil || m == nil || m.Rule.GetPublic() || m.Rule.GetBootstrap() {
			return ctx, err
		}
		asks, cancel := context.WithTimeout(metadata.NewIncomingContext(ctx, info.Header), glance)
		defer cancel()
		err = p.fromPeer(asks, Call{}, func(ctx context.Context) error {
			who, err := p.Authenticate(ctx)
			if err == nil && who.Name == "" && !who.Bootstrap {
				err = authn.ErrUnauthenticated
			}
			return err
		})
		if f := fault.As(err); f != nil && asks.Err() == nil {
			return ctx, toStatus(f, speaksChinese(info.Header.Get("accept-language"))).Err()
		}
		return ctx, nil // what else is wrong, and what cannot be told at a glance, the steps say
	}
}

// gate bounds the calls through the door.
func (p *Process) gate(d Door) *admission {
	if d.To != nil {
		return p.passing
	}
	return p.admission
}

func (p *Process) register(server *grpc.Server, d Door) *grpc.Server {
	to := wire.Registrar{ServiceRegistrar: server}
	if d.To == nil {
		for _, s := range p.services {
			s.Register(to)
		}
	}
	healthv1.RegisterHealthServer(to, p.health)
	reflection.Register(reflected{to, server})
	return server
}

// reflected is a server whose services reflection tells of.
type reflected struct {
	grpc.ServiceRegistrar
	reflection.ServiceInfoProvider
}

// steps are those that calls through the door pass. What is passed on passes the
// others where it is answered.
func (p *Process) steps(d Door) Step {
	if d.To != nil {
		return p.through
	}
	if d.Caller == nil {
		return chain(p.fromPeer, p.every)
	}
	return chain(func(ctx context.Context, _ Call, next func(context.Context) error) error {
		if service := d.Caller(ctx); service != "" {
			return next(authn.WithRemote(ctx, service))
		}
		return next(fromGateway(ctx))
	}, p.every)
}
