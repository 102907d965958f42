package serve

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/portal"
)

// Limits bound what a process takes on.
type Limits struct {
	// InFlight is how many clients' calls run at once; one more is refused. Those
	// that only wait for news do not count, as long as they are at most four times
	// as many.
	InFlight int `yaml:"in_flight"`
	// Deadline is given to calls that bring none, and bounds those that do.
	Deadline time.Duration `yaml:"deadline"`
	// Message is the largest message, in bytes: request or answer, over TCP and
	// within the process alike.
	Message int `yaml:"message"`
	// Rate is how many calls a second a principal may make, on average. All callers
	// without a key are one, of which each network has an eighth.
	Rate float64 `yaml:"rate"`
	// Burst is how many it may make at once.
	Burst int `yaml:"burst"`
	// Waits is how many calls of one principal may wait for news at once.
	Waits int `yaml:"waits"`
	// Connections is how many clients are connected at each address at once; one more
	// waits to be let in.
	Connections int `yaml:"connections"`
	// Bodies is how many bytes of bodies the gateway holds at once; of those who have not
	// been asked who they are a quarter of it. One of them holds an eighth at most.
	Bodies int `yaml:"bodies"`
}

// DefaultLimits suit one bureau on one machine.
var DefaultLimits = Limits{InFlight: 256, Deadline: time.Minute, Message: 4 << 20, Rate: 2000, Burst: 4000, Waits: 8, Connections: 4096, Bodies: 128 << 20}

// recovered turns a panic into an error, which statuses then masks and logs.
func recovered(ctx context.Context, _ Call, next func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return next(ctx)
}

// What stands in every answer of a simulation, and of a sandbox.
const (
	SimulatedHeader = "duban-simulated"
	SandboxHeader   = "duban-sandbox"
)

// marked says in every answer of a simulation or a sandbox that it is one.
func (p *Process) marked(ctx context.Context, call Call, next func(context.Context) error) error {
	marks := metadata.MD{}
	if p.Simulated() {
		marks.Set(SimulatedHeader, "true")
	}
	if p.Sandbox {
		marks.Set(SandboxHeader, "true")
	}
	if len(marks) > 0 {
		if err := tell(ctx, call, marks); err != nil {
			return err
		}
	}
	return next(ctx)
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

// authentication finds out who calls. Whoever is refused is told what is left to who
// it is known to be or, if it is not known, to its network, of which that takes
// nothing.
func (p *Process) authentication(ctx context.Context, call Call, next func(context.Context) error) error {
	if open(call.Method) {
		return next(ctx)
	}
	who, err := p.Authenticate(ctx)
	switch {
	case err == nil:
		return next(authn.With(ctx, who))
	case authn.Caller(ctx) != "":
		return err
	default:
		return errors.Join(err, tell(ctx, call, limitsOf(look(p.buckets.of(who, authn.Network(ctx))))))
	}
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

// nameless leaves persons out of what anybody may read, and of all that portals do.
func nameless(ctx context.Context, call Call, next func(context.Context) error) error {
	err := next(ctx)
	if err != nil || open(call.Method) || call.Answer == nil || !outside(authz.From(ctx)) {
		return err
	}
	if answer, ok := (*call.Answer).(proto.Message); ok {
		*call.Answer = portal.Nameless(answer, authz.From(ctx).Principal.Key)
	}
	return nil
}

// outside says whether the answer leaves those who work with the suite.
func outside(a *authz.Access) bool {
	return a.Method.Rule.GetPublic() || slices.ContainsFunc(a.Grants(), func(g authz.Grant) bool { return g.Role == accessv1.Role_ROLE_PORTAL })
}
