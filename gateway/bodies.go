package gateway

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"golang.org/x/sync/semaphore"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/strict"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// aside is how many bytes of a body are read before it is asked who sends it.
const aside = 64 << 10

const (
	// slight is how many values are decoded of a body whatever else there is.
	slight = 10_000
	// dense is how many values of all other bodies at once are: those of the longest
	// report, 100,000 rows of four members.
	dense = 600_000
	// turn is how long one who is known waits for room to have a body decoded.
	turn = 20 * time.Second
)

// bodies bounds what all requests at once make the gateway hold: the bytes of bodies,
// and the values that they become, which take a hundred times as much. Of strangers it holds
// little: who sends a body beyond aside, or of many values, is asked first who they are,
// unless the method is for everybody. A body counts until its request is answered.
type bodies struct {
	known, strangers *semaphore.Weighted
	values           *semaphore.Weighted
	turn             time.Duration
	mux              *runtime.ServeMux
	caller           organizationv1.OrganizationServiceClient
}

func newBodies(most int64, mux *runtime.ServeMux, b Backends) *bodies {
	return &bodies{
		known: semaphore.NewWeighted(most), strangers: semaphore.NewWeighted(most / 4),
		values: semaphore.NewWeighted(dense), turn: turn,
		mux: mux, caller: organizationv1.NewOrganizationServiceClient(b.Organization),
	}
}

// holding is what one request makes the gateway hold.
type holding struct {
	*bodies
	free  []func()
	asked bool // who sends it is known
}

// end lets go of it.
func (h *holding) end() {
	for _, free := range h.free {
		free()
	}
	h.free = nil
}

// take makes room for n bytes, or refuses.
func (h *holding) take(room *semaphore.Weighted, n int64) error {
	if !room.TryAcquire(n) {
		return problem.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)
	}
	h.free = append(h.free, func() { room.Release(n) })
	return nil
}

// read reads a body up to one byte beyond the limit.
func (h *holding) read(r *http.Request, header http.Header, limit int64, public bool) ([]byte, error) {
	most := limit + 1
	if r.ContentLength >= 0 {
		most = min(most, r.ContentLength)
	}
	first, room := min(most, aside), h.strangers
	if err := h.take(room, first); err != nil {
		if public {
			return nil, err
		}
		if room, err = h.introduce(r.Context(), header); err != nil { // strangers keep nobody out who is known
			return nil, err
		}
		if err := h.take(room, first); err != nil {
			return nil, err
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, first))
	if err != nil || int64(len(body)) < first || first == most {
		return body, cut(err)
	}
	if !public && room == h.strangers {
		if room, err = h.introduce(r.Context(), header); err != nil {
			return nil, err
		}
	}
	if err := h.take(room, most-first); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(io.LimitReader(r.Body, most-first))
	return append(body, rest...), cut(err)
}

// cut is the refusal of a body that ended early.
func cut(err error) error {
	if err == nil {
		return nil
	}
	return problem.Malformed(problem.Field{Path: problem.Body, Rule: "cut", Text: problem.Text{Zh: "传输中断", En: "it ended early"}})
}

// introduce answers with the room of those who are known, if the services know who calls.
func (h *holding) introduce(ctx context.Context, header http.Header) (*semaphore.Weighted, error) {
	asks := http.Header{}
	for _, name := range []string{"Authorization", "Accept-Language", "Traceparent"} {
		if v := header.Values(name); len(v) > 0 {
			asks[name] = v
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/v1/caller", http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header = asks
	ctx, err = runtime.AnnotateContext(ctx, h.mux, r, organizationv1.OrganizationService_GetCaller_FullMethodName)
	if err != nil {
		return nil, err
	}
	_, err = h.caller.GetCaller(ctx, &organizationv1.GetCallerRequest{})
	h.asked = err == nil
	return h.known, err
}

// decode makes room for the values of a body. Whoever is known waits for it, and is
// refused when that takes long; what is for everybody waits for nothing.
func (h *holding) decode(ctx context.Context, header http.Header, body []byte, public bool) error {
	n := min(int64(strict.Values(body)), dense)
	switch {
	case n <= slight:
		return nil
	case public:
		return h.take(h.values, n)
	case !h.asked:
		if _, err := h.introduce(ctx, header); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, h.turn)
	defer cancel()
	if h.values.Acquire(ctx, n) != nil {
		return problem.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)
	}
	h.free = append(h.free, func() { h.values.Release(n) })
	return nil
}
