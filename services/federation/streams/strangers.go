package streams

import (
	"context"
	"math"
	"strconv"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/limit"
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
	certified, others limit.Held[string]
}

// Enter counts a stream, before anything of it is read, until leave, which may be
// called again.
func (s *Strangers) Enter(ctx context.Context) (leave func(), err error) {
	of, most := &s.others, crowd
	if authn.Certified(ctx) {
		of, most = &s.certified, math.MaxInt
	}
	leave, ok := of.Take(authn.Network(ctx), Each, most)
	if !ok {
		return nil, errStrangers.With("limit", strconv.Itoa(Each)).After(Greeting)
	}
	return leave, nil
}
