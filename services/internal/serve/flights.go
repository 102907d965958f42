package serve

import (
	"context"
	"sync"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
)

var errStopping = fault.Of(faultv1.Reason_REASON_SERVER_STOPPING)

// flights are the clients' calls under way, for which a process that stops
// waits. Calls between services are not counted: they end with the call that
// caused them or with the worker that makes them.
type flights struct {
	mu      sync.Mutex
	n       int
	landing chan struct{} // nil while new calls may start; closed when all have ended
}

// counted is the step that counts a call. While the process stops, no client's
// call starts.
func (f *flights) counted(ctx context.Context, call Call, next func(context.Context) error) error {
	if authn.Caller(ctx) != "" || open(call.Method) {
		return next(ctx)
	}
	if !f.start() {
		return errStopping
	}
	defer f.end()
	return next(ctx)
}

func (f *flights) start() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landing != nil {
		return false
	}
	f.n++
	return true
}

func (f *flights) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	f.settle()
}

// settle closes landing when nothing is under way any more. As nothing starts
// after land, that is once.
func (f *flights) settle() {
	if f.landing != nil && f.n == 0 {
		close(f.landing)
	}
}

// land lets no new call start, and returns a channel that is closed when those
// under way have ended.
func (f *flights) land() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landing = make(chan struct{})
	f.settle()
	return f.landing
}
