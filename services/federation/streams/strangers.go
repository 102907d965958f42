package streams

import (
	"context"
	"strconv"
	"sync"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
)

const (
	// Each is how many streams one certificate, or one network without, may have
	// open whose greeting is not believed yet.
	Each = 8
	// crowd is how many all networks together may have: each may hold a first
	// message, of 2 MiB at most.
	crowd = 4 * Each
	// Greeting is how long a stream may take to greet.
	Greeting = 10 * time.Second
)

var errStrangers = fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)

// Strangers are the streams that have not been believed, by who opened them. Who has
// shown a certificate is bounded alone: those without cannot shut it out, nor another. The
// zero Strangers are none; they are safe for concurrent use.
type Strangers struct {
	mu  sync.Mutex
	by  map[string]int
	all int // of those without a certificate
}

// Enter counts a stream, before anything of it is read, until leave, which may be
// called again.
func (s *Strangers) Enter(ctx context.Context) (leave func(), err error) {
	who, crowds := authn.Network(ctx), 1
	if authn.Certified(ctx) {
		crowds = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[who] >= Each || s.all+crowds > crowd {
		return nil, errStrangers.With("limit", strconv.Itoa(Each)).After(Greeting)
	}
	if s.by == nil {
		s.by = map[string]int{}
	}
	s.by[who]++
	s.all += crowds
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all -= crowds
		if s.by[who]--; s.by[who] == 0 {
			delete(s.by, who)
		}
	}), nil
}
