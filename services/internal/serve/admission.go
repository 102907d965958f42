package serve

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/tap"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
)

var errOverloaded = fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED).After(time.Second)

// admission bounds how many clients' calls run at once, over TCP and within the
// process together. Calls between services pass: the client's call that caused
// them was admitted. So do those of the infrastructure: whether a process lives
// does not depend on its load.
type admission struct {
	limit   int64
	running atomic.Int64
	shed    map[bool]error // what a caller gets over TCP, by whether it reads Chinese
}

func newAdmission(limit int) *admission {
	return &admission{limit: int64(limit), shed: map[bool]error{
		true: toStatus(errOverloaded, true).Err(), false: toStatus(errOverloaded, false).Err(),
	}}
}

// step counts the calls that run and refuses one too many before it starts.
func (a *admission) step(ctx context.Context, call Call, next func(context.Context) error) error {
	if authn.Caller(ctx) != "" || open(call.Method) {
		return next(ctx)
	}
	defer a.running.Add(-1)
	if a.running.Add(1) > a.limit {
		return errOverloaded
	}
	return next(ctx)
}

// tap refuses a call over TCP before there is a stream for it: what is shed costs
// next to nothing. It counts nothing, which is for step to do; a few calls that
// come at the same moment may thus pass here and end there. caller names the
// service that calls, as a Door's does.
func (a *admission) tap(caller func(context.Context) string) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		if a.running.Load() < a.limit || open(info.FullMethodName) || caller != nil && caller(ctx) != "" {
			return ctx, nil
		}
		return ctx, a.shed[speaksChinese(info.Header.Get("accept-language"))]
	}
}
