package serve

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
)

var (
	errOverloaded  = fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)
	errRateLimited = fault.Of(faultv1.Reason_REASON_RATE_LIMITED)
)

// Limits bound what a process takes on.
type Limits struct {
	// InFlight is how many clients' calls run at once; one more is refused.
	InFlight int `yaml:"in_flight"`
	// Deadline is given to calls that bring none, and bounds those that do.
	Deadline time.Duration `yaml:"deadline"`
	// Message is the largest message, in bytes: request or answer, over TCP and
	// within the process alike.
	Message int `yaml:"message"`
	// Rate is how many calls a second a principal may make, on average.
	Rate float64 `yaml:"rate"`
	// Burst is how many it may make at once.
	Burst int `yaml:"burst"`
}

// DefaultLimits suit one bureau on one machine.
var DefaultLimits = Limits{InFlight: 1024, Deadline: time.Minute, Message: 4 << 20, Rate: 2000, Burst: 4000}

// recovered turns a panic into an error, which statuses then masks and logs.
func recovered(ctx context.Context, _ Call, next func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return next(ctx)
}

// SimulatedHeader stands in every answer of a simulation.
const SimulatedHeader = "duban-simulated"

// marked says in every answer of a simulation that it is one.
func (p *Process) marked(ctx context.Context, call Call, next func(context.Context) error) error {
	if p.Simulated() {
		if err := grpc.SetHeader(ctx, metadata.Pairs(SimulatedHeader, "true")); err != nil {
			return fmt.Errorf("marking the answer of %s: %w", call.Method, err)
		}
	}
	return next(ctx)
}

// admission refuses a client's call before it starts when too many run. Calls
// between services pass: the client's call that caused them was admitted.
func admission(limit int) Step {
	var running atomic.Int64
	return func(ctx context.Context, _ Call, next func(context.Context) error) error {
		if authn.Caller(ctx) != "" {
			return next(ctx)
		}
		defer running.Add(-1)
		if running.Add(1) > int64(limit) {
			return errOverloaded
		}
		return next(ctx)
	}
}

// deadline bounds how long a call may take. A stream lasts as long as its handler
// lets it.
func deadline(limit time.Duration) Step {
	return func(ctx context.Context, call Call, next func(context.Context) error) error {
		if call.Request == nil {
			return next(ctx)
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return next(ctx)
	}
}

// authentication finds out who calls.
func (p *Process) authentication(ctx context.Context, call Call, next func(context.Context) error) error {
	if open(call.Method) {
		return next(ctx)
	}
	who, err := p.Authenticate(ctx)
	if err != nil {
		return err
	}
	return next(authn.With(ctx, who))
}

// authorisation decides by role alone; the unit lies in the record.
func (p *Process) authorisation(ctx context.Context, call Call, next func(context.Context) error) error {
	if open(call.Method) {
		return next(ctx)
	}
	var a *authz.Access
	err := authz.Settled(ctx, p.Tree, func() (err error) {
		a, err = authz.Enter(p.Tree, p.methods[call.Method], authn.From(ctx))
		return err
	})
	if err != nil {
		return err
	}
	return next(authz.With(ctx, a))
}

// rateLimit bounds how often each principal calls. The public shares one bucket.
func rateLimit(limits Limits) Step {
	b := &buckets{limits: limits}
	return func(ctx context.Context, _ Call, next func(context.Context) error) error {
		if p := authn.From(ctx); p.Service() == "" && authn.Caller(ctx) == "" && !b.of(p.Name).Allow() {
			return errRateLimited
		}
		return next(ctx)
	}
}

const principals = 10_000 // buckets at most; beyond it all start anew

type buckets struct {
	limits Limits
	mu     sync.Mutex
	held   map[string]*rate.Limiter
}

func (b *buckets) of(principal string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.held[principal]; l != nil {
		return l
	}
	if b.held == nil || len(b.held) >= principals {
		b.held = map[string]*rate.Limiter{}
	}
	l := rate.NewLimiter(rate.Limit(b.limits.Rate), b.limits.Burst)
	b.held[principal] = l
	return l
}
