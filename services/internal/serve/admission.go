package serve

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/tap"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/seat"
)

var errOverloaded = fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)

// waiters is how many calls may wait for news, for each that may run.
const waiters = 4

// longest is how many seconds whoever is refused is told to wait at most.
const longest = 30

// admission bounds how many clients' calls run at once, over TCP and within the
// process together. Calls between services pass: the client's call that caused
// them was admitted. So do those of the infrastructure: whether a process lives
// does not depend on its load. And so do streams, which last: how many there are whoever
// answers them bounds.
//
// A call that only waits for news gives up its place (package seat) as long as there
// is room among those who wait, and never takes it again: it reads once more, and ends.
//
// Who is refused is told when to come again, as by a number drawn in a queue: in
// each second as many are told to come as may run at once. However many there
// are, refusing them again and again costs little beside what is done.
type admission struct {
	limit   int64
	running atomic.Int64
	waiting atomic.Int64
	queue   *rate.Limiter
	shed    [longest + 1]map[bool]error // what a caller gets over TCP, by the seconds to wait and by whether it reads Chinese
}

func newAdmission(limit int) *admission {
	a := &admission{limit: int64(limit), queue: rate.NewLimiter(rate.Limit(limit), 1)}
	for wait := range a.shed {
		f := a.refusal(wait)
		a.shed[wait] = map[bool]error{true: toStatus(f, true).Err(), false: toStatus(f, false).Err()}
	}
	return a
}

// refusal says how many may run at once, and when to come again: over REST by the
// headers of every limit.
func (a *admission) refusal(wait int) *fault.Fault {
	return errOverloaded.With("limit", strconv.FormatInt(a.limit, 10)).After(time.Duration(wait) * time.Second)
}

// step counts the calls that run and refuses one too many before it starts.
func (a *admission) step(ctx context.Context, call Call, next func(context.Context) error) error {
	if authn.Caller(ctx) != "" || open(call.Method) || lasts(call.Method) {
		return next(ctx)
	}
	counted := &a.running
	defer func() { counted.Add(-1) }()
	if a.running.Add(1) > a.limit {
		return a.refusal(a.wait())
	}
	return next(seat.With(ctx, func() error {
		if counted == &a.running && a.waits() {
			counted = &a.waiting
			a.running.Add(-1)
		}
		return nil
	}))
}

// waits counts one who waits, if there is room.
func (a *admission) waits() bool {
	if a.waiting.Add(1) > waiters*a.limit {
		a.waiting.Add(-1)
		return false
	}
	return true
}

// tap refuses a call over TCP before there is a stream for it: what is shed costs
// next to nothing. It counts nothing, which is for step to do; a few calls that
// come at the same moment may thus pass here and end there. caller names the
// service that calls, as a Door's does.
func (a *admission) tap(caller func(context.Context) string) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		if a.running.Load() < a.limit || open(info.FullMethodName) || lasts(info.FullMethodName) || caller != nil && caller(ctx) != "" {
			return ctx, nil
		}
		return ctx, a.shed[a.wait()][speaksChinese(info.Header.Get("accept-language"))]
	}
}

// wait draws a number, and returns in how many seconds it is called. Who finds
// the queue full gets none, and the longest wait.
func (a *admission) wait() int {
	number := a.queue.Reserve()
	delay := number.Delay()
	if delay >= (longest-1)*time.Second {
		number.Cancel()
	}
	return min(1+int(delay/time.Second), longest)
}
