package serve

import (
	"context"
	"math"
	"strconv"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/limit"
	"github.com/duban-project/duban/services/internal/seat"
)

var errWaitsTooMany = fault.Of(faultv1.Reason_REASON_PRINCIPAL_WAITS_TOO_MANY)

// sooner is after how long somebody may try again who waits too often: until one of
// its calls is answered, which may be at any time.
const sooner = 5 * time.Second

// waits bounds how many calls of one principal wait for news at once, so that nobody
// takes all places of those who wait. Services wait as they like.
type waits struct {
	most int
	held limit.Held[string] // by principal
}

// step lets a call wait that has reason to, as package seat has it, if its principal
// may wait once more.
func (w *waits) step(ctx context.Context, _ Call, next func(context.Context) error) error {
	who := authn.From(ctx)
	if who.Service() != "" || authn.Caller(ctx) != "" {
		return next(ctx)
	}
	waiting, end := false, func() {}
	defer func() { end() }()
	return next(seat.With(ctx, func() error {
		if !waiting {
			give, ok := w.held.Take(who.Name, w.most, math.MaxInt)
			if !ok {
				return errWaitsTooMany.With("limit", strconv.Itoa(w.most)).After(sooner)
			}
			waiting, end = true, give
		}
		return seat.Leave(ctx)
	}))
}
