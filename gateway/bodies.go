package gateway

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/reflect/protoreflect"

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
// little: who sends a body beyond aside, or of many values, is asked first who they are, and
// refused if they may not make the call, unless it is for everybody. Room is taken for what has come, never for what is
// announced, in the name of the network or, once they are known, of the principal. A body
// counts until its request is answered.
type bodies struct {
	known, strangers *room
	values           *semaphore.Weighted
	turn, timeout    time.Duration
	now              func() time.Time // goes on steadily, whatever the clock does
	mux              *runtime.ServeMux
	caller           organizationv1.OrganizationServiceClient
}

func newBodies(o Options, mux *runtime.ServeMux, b Backends) *bodies {
	return &bodies{
		known: newRoom(o.MaxBodies), strangers: newRoom(o.MaxBodies / 4),
		values: semaphore.NewWeighted(dense), turn: turn, timeout: o.Timeout, now: time.Now,
		mux: mux, caller: organizationv1.NewOrganizationServiceClient(b.Organization),
	}
}

// of is what a request for the call holds that comes from the network, nothing yet. Its body has
// at most limit bytes.
func (b *bodies) of(network string, limit int64, call protoreflect.MethodDescriptor) *holding {
	return &holding{bodies: b, room: b.strangers, who: network, limit: limit, call: call, public: public(ruleOf(call))}
}

// holding is what one request makes the gateway hold.
type holding struct {
	*bodies
	call   protoreflect.MethodDescriptor
	public bool // for everybody
	asked  bool // who sends it is known, and may make the call by roles and scopes
	room   *room
	limit  int64
	who    string // in whose name the bytes are taken
	bytes  int64
	values int64
}

// end lets go of it.
func (h *holding) end() {
	h.room.give(h.who, h.bytes)
	h.bodies.values.Release(h.values)
	h.bytes, h.values = 0, 0
}

// read reads a body up to one byte beyond the limit.
func (h *holding) read(ctx context.Context, header http.Header, body io.Reader) ([]byte, error) {
	coming := &coming{Reader: body, room: func(n int64) error { return h.take(ctx, header, n) }, left: h.limit}
	all, err := io.ReadAll(io.LimitReader(coming, h.limit+1))
	if coming.refused != nil {
		return nil, coming.refused
	}
	return all, cut(err)
}

// coming is a body that takes room as it comes. What is beyond the limit is not held.
type coming struct {
	io.Reader
	room    func(n int64) error
	left    int64 // up to the limit
	refused error
}

// Read implements io.Reader.
func (c *coming) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if c.left -= int64(n); n > 0 && c.left >= 0 {
		if c.refused = c.room(int64(n)); c.refused != nil {
			return 0, c.refused
		}
	}
	return n, err
}

// take makes room for n bytes more, or refuses. Strangers keep nobody out who is known.
func (h *holding) take(ctx context.Context, header http.Header, n int64) error {
	if !h.asked && (h.public || h.bytes+n <= aside) {
		if err := h.hold(n); err == nil || h.public {
			return err
		}
	}
	if !h.asked {
		if err := h.introduce(ctx, header); err != nil {
			return err
		}
	}
	return h.hold(n)
}

// hold takes n bytes in the name of who sends them. Whoever is known has room for one body
// as long as there is any.
func (h *holding) hold(n int64) error {
	var least int64
	if h.asked {
		least = h.limit
	}
	if !h.room.take(h.who, n, least) {
		return problem.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)
	}
	h.bytes += n
	return nil
}

// cut is the refusal of a body that ended early.
func cut(err error) error {
	if err == nil {
		return nil
	}
	return problem.Malformed(problem.Field{Path: problem.Body, Rule: "cut", Text: problem.Text{Zh: "传输中断或过慢", En: "it ended early, or came too slowly"}})
}

// introduce asks who sends it, and goes on in that name, if the services know whose it is and
// who it is may make the call: whoever may not takes neither room nor a turn of those who may.
func (h *holding) introduce(ctx context.Context, header http.Header) error {
	asks := http.Header{}
	for _, name := range []string{"Authorization", "Accept-Language", "Traceparent"} {
		if v := header.Values(name); len(v) > 0 {
			asks[name] = v
		}
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/v1/caller", http.NoBody)
	if err != nil {
		return err
	}
	r.Header = asks
	ctx, err = runtime.AnnotateContext(ctx, h.mux, r, organizationv1.OrganizationService_GetCaller_FullMethodName)
	if err != nil {
		return err
	}
	caller, err := h.caller.GetCaller(ctx, &organizationv1.GetCallerRequest{})
	if err != nil {
		return err
	}
	if err := refused(h.call, caller); err != nil {
		return err
	}
	n := h.bytes
	h.room.give(h.who, n)
	h.room, h.who, h.asked, h.bytes = h.known, caller.GetPrincipal(), true, 0
	return h.hold(n)
}

// decode makes room for the values of a body. Whoever is known waits for it, and is
// refused when that takes long; what is for everybody waits for nothing.
func (h *holding) decode(ctx context.Context, header http.Header, body []byte) error {
	n := min(int64(strict.Values(body)), dense)
	switch {
	case n <= slight:
		return nil
	case h.public:
		if !h.bodies.values.TryAcquire(n) {
			return problem.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)
		}
		h.values = n
		return nil
	case !h.asked:
		if err := h.introduce(ctx, header); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, h.turn)
	defer cancel()
	if h.bodies.values.Acquire(ctx, n) != nil {
		return problem.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)
	}
	h.values = n
	return nil
}
