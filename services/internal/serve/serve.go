// Package serve runs services: it builds the gRPC server of a process and the
// connections between the services in it, puts the same steps before every
// call, and starts and stops in order. What a call may do is decided by authn
// and authz; what it does, by the services.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"buf.build/go/protovalidate"
	"github.com/fullstorydev/grpchan/inprocgrpc"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"

	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/wire"
)

// Service is what a service gives to be served.
type Service interface {
	Register(grpc.ServiceRegistrar)
}

// Worker is a service that also works without being called. Work returns when
// ctx is done; any other return ends the process.
type Worker interface {
	Work(ctx context.Context) error
}

// Process is one operating-system process and the services it runs. Set its
// fields and add its services, then Run it once.
type Process struct {
	Log *slog.Logger
	// Grace is how long calls may take to end once Run's context is done.
	Grace time.Duration
	// Authenticate finds out who calls.
	Authenticate func(context.Context) (authn.Principal, error)
	// Tree is what rights are decided by.
	Tree authz.Tree
	// Prepared returns when the process can decide about calls: until then it is
	// not ready.
	Prepared func(context.Context) error
	// Simulated says whether the installation's clock is a simulated one, which
	// every answer then says too.
	Simulated func() bool
	// Sandbox says whether the installation is one to try things in, which every
	// answer then says too.
	Sandbox bool
	// Network hides the address that a client calls from over TCP: what it returns
	// is all that is known of it. Nil: nothing is known.
	Network func(netip.Addr) string
	// Public and Served observe calls at the side that serves, at doors that anybody may
	// come to and between processes and services of the installation; Made at the one
	// that makes them; nil for nobody.
	Public, Served, Made stats.Handler

	limits    Limits
	validator protovalidate.Validator
	every     Step       // that calls pass which are answered here
	through   Step       // and those that are passed on
	admission *admission // of calls that are answered here
	passing   *admission // of those that are passed on: as many as may run and wait behind
	buckets   *buckets
	services  []Service
	channels  []*inprocgrpc.Channel
	methods   map[string]*authz.Method
	health    *health.Server
	flights   flights
	stopping  chan struct{}
}

// New returns a process that keeps to limits.
func New(log *slog.Logger, limits Limits) (*Process, error) {
	v, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("reading the rules of the contract: %w", err)
	}
	p := &Process{Log: log, Grace: 8 * time.Second, limits: limits, validator: v, admission: newAdmission(limits.InFlight), passing: newAdmission((1 + waiters) * limits.InFlight), buckets: newBuckets(limits), methods: map[string]*authz.Method{}, health: health.NewServer(), stopping: make(chan struct{})}
	p.health.Shutdown() // until Run
	p.every = chain(    // in this order; docs/architecture.md says why
		statuses(log),
		p.sized,
		recovered,
		p.marked,
		p.flights.counted,
		p.admission.step,
		deadline(limits.Deadline),
		p.authentication,
		p.buckets.rateLimit,
		(&waits{most: limits.Waits}).step,
		p.authorisation,
		nameless,
		validation(v),
	)
	p.through = chain(statuses(log), recovered, p.marked, p.flights.counted, p.passing.step, deadline(limits.Deadline))
	return p, nil
}

// Add serves s. A method without an access rule is an error.
func (p *Process) Add(s Service) error {
	names := registered{}
	s.Register(names)
	for name := range names {
		methods, err := authz.Methods(name)
		if err != nil {
			return err
		}
		for full, m := range methods {
			p.methods[full] = m
		}
	}
	p.services = append(p.services, s)
	for _, c := range p.channels {
		s.Register(wire.Registrar{ServiceRegistrar: c})
	}
	return nil
}

// registered takes the names of services that are registered with it.
type registered map[string]struct{}

func (r registered) RegisterService(d *grpc.ServiceDesc, _ any) { r[d.ServiceName] = struct{}{} }

// Methods returns every method that the process serves, for tests that check
// that a table covers them all.
func (p *Process) Methods() []*authz.Method {
	var methods []*authz.Method
	for _, m := range p.methods {
		methods = append(methods, m)
	}
	slices.SortFunc(methods, func(a, b *authz.Method) int { return strings.Compare(a.FullName, b.FullName) })
	return methods
}

// open methods are the infrastructure's own: health and reflection say nothing
// about any unit.
func open(method string) bool {
	return strings.HasPrefix(method, "/grpc.health.") || strings.HasPrefix(method, "/grpc.reflection.")
}

// Stopping is closed when Run begins to stop: whoever makes a caller wait for
// something to happen answers then.
func (p *Process) Stopping() <-chan struct{} { return p.stopping }

// Run serves at the doors, and lets workers work, until ctx is done; then it
// lets running calls end, and after them the workers, on whom calls may rely.
// Ready is called once the process serves.
func (p *Process) Run(ctx context.Context, ready func(), doors ...Door) error {
	servers := make([]*grpc.Server, len(doors))
	g, running := errgroup.WithContext(ctx)
	working, rest := context.WithCancel(context.WithoutCancel(ctx))
	defer rest()
	for i, d := range doors {
		servers[i] = p.server(d)
		g.Go(func() error {
			if err := servers[i].Serve(d); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("serving %s: %w", d.Addr(), err)
			}
			return nil
		})
	}
	for _, s := range p.services {
		if w, ok := s.(Worker); ok {
			g.Go(func() error { return worked(working, w) })
		}
	}
	g.Go(func() error {
		err := p.Prepared(running)
		if err == nil {
			p.health.Resume()
			ready()
			<-running.Done()
		}
		p.health.Shutdown()
		close(p.stopping)
		p.drain(servers)
		rest()
		if running.Err() != nil {
			return nil
		}
		return fmt.Errorf("preparing: %w", err)
	})
	return g.Wait()
}

// Ready says whether the process serves.
func (p *Process) Ready(ctx context.Context) bool {
	answer, err := p.health.Check(ctx, &healthv1.HealthCheckRequest{})
	return err == nil && answer.GetStatus() == healthv1.HealthCheckResponse_SERVING
}

// worked takes the end of ctx for what it is.
func worked(ctx context.Context, w Worker) error {
	err := w.Work(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%T stopped working: %w", w, err)
}

// drain lets no new call start and waits for those under way, over TCP and within
// the process, until the grace is over.
func (p *Process) drain(servers []*grpc.Server) {
	done := make(chan struct{})
	landed := p.flights.land()
	go func() {
		var stopped sync.WaitGroup
		for _, s := range servers {
			stopped.Go(s.GracefulStop)
		}
		stopped.Wait()
		<-landed
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(p.Grace):
		p.Log.Warn("calls that ran longer than the grace were cut off", "grace", p.Grace)
		for _, s := range servers {
			s.Stop()
		}
	}
}
