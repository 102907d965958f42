package server

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
	// Strangers is how many streams one certificate, or one network without, may have
	// open whose greeting is not believed yet.
	Strangers = 8
	// crowd is how many all networks together may have: each may hold a message of the
	// largest size that is read.
	crowd = 4 * Strangers
	// greeting is how long a stream may take to greet.
	greeting = 10 * time.Second
)

var errStrangers = fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)

// strangers are the streams that have not been believed, by who opened them. Who has
// shown a certificate is bounded alone: those without cannot shut it out, nor another.
type strangers struct {
	mu  sync.Mutex
	by  map[string]int
	all int // of those without a certificate
}

// enter counts a stream, before anything of it is read, until leave, which may be
// called again.
func (s *strangers) enter(ctx context.Context) (leave func(), err error) {
	who, crowds := authn.Network(ctx), 1
	if authn.Certified(ctx) {
		crowds = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[who] >= Strangers || s.all+crowds > crowd {
		return nil, errStrangers.With("limit", strconv.Itoa(Strangers)).After(greeting)
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
