package gateway

import (
	"context"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"golang.org/x/sync/semaphore"

	"github.com/duban-project/duban/gateway/internal/problem"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// aside is how many bytes of a body are read before it is asked who sends it.
const aside = 64 << 10

// bodies bounds what all requests at once make the gateway hold. Of strangers it holds
// little: who sends a body beyond aside is asked first who they are, unless the method
// is for everybody. A body counts until its request is answered.
type bodies struct {
	known, strangers *semaphore.Weighted
	mux              *runtime.ServeMux
	caller           organizationv1.OrganizationServiceClient
}

func newBodies(most int64, mux *runtime.ServeMux, b Backends) *bodies {
	return &bodies{
		known: semaphore.NewWeighted(most), strangers: semaphore.NewWeighted(most / 4),
		mux: mux, caller: organizationv1.NewOrganizationServiceClient(b.Organization),
	}
}

// holding is what one request makes the gateway hold.
type holding struct {
	*bodies
	free []func()
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
	return h.known, err
}
