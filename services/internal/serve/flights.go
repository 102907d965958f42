package serve

import (
	"context"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/duban-project/duban/services/internal/authn"
)

// flights are the calls under way, for which a process that stops waits.
type flights struct {
	mu      sync.Mutex
	n       int
	landing chan struct{} // nil while new calls may start
	landed  bool          // landing is closed: the last call under way has ended
}

// counted is the step that counts a call. While the process stops, only calls
// that others have caused still start.
func (f *flights) counted(ctx context.Context, call Call, next func(context.Context) error) error {
	if !f.start(authn.Caller(ctx) != "" || open(call.Method)) {
		return status.Error(codes.Unavailable, "the server is stopping")
	}
	defer f.end()
	return next(ctx)
}

func (f *flights) start(inner bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landing != nil && !inner {
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

// settle closes landing once, when nothing is under way any more.
func (f *flights) settle() {
	if f.landing != nil && f.n == 0 && !f.landed {
		f.landed = true
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
