package serve

import (
	"context"
	"strconv"
	"sync"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
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

	mu   sync.Mutex
	held map[string]int // by principal; who waits for nothing has no row
}

// step lets a call wait that has reason to, as package seat has it, if its principal
// may wait once more.
func (w *waits) step(ctx context.Context, _ Call, next func(context.Context) error) error {
	who := authn.From(ctx)
	if who.Service() != "" || authn.Caller(ctx) != "" {
		return next(ctx)
	}
	waiting := false
	defer func() {
		if waiting {
			w.end(who.Name)
		}
	}()
	return next(seat.With(ctx, func() error {
		if !waiting && !w.begin(who.Name) {
			return errWaitsTooMany.With("limit", strconv.Itoa(w.most)).After(sooner)
		}
		waiting = true
		return seat.Leave(ctx)
	}))
}

func (w *waits) begin(who string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held[who] >= w.most {
		return false
	}
	if w.held == nil {
		w.held = map[string]int{}
	}
	w.held[who]++
	return true
}

func (w *waits) end(who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held[who]--; w.held[who] == 0 {
		delete(w.held, who)
	}
}
