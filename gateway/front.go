package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/duban-project/duban/gateway/internal/problem"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

// The headers that mark every answer of a simulation, and of a sandbox.
const (
	Simulated = "Duban-Simulated"
	Sandbox   = "Duban-Sandbox"
)

// front gives every answer its headers and sends each request to where it belongs.
type front struct {
	options Options
	pages   pages
	api     *api
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, r := identify(r, f.options.TraceID(r.Context()))
	h := w.Header()
	h.Set(problem.RequestID, id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if f.options.Simulated {
		h.Set(Simulated, "true") // refusals too, which no service has seen
	}
	if f.options.Sandbox {
		h.Set(Sandbox, "true")
	}
	if f.share(w, r) {
		return
	}
	page, ok := f.pages[r.URL.EscapedPath()]
	switch {
	case !ok:
		f.api.ServeHTTP(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		problem.Write(w, r, nil, problem.Of(faultv1.Reason_REASON_METHOD_NOT_ALLOWED))
	default:
		page.ServeHTTP(w, r)
	}
}

// exposed are the headers of answers that pages of other origins may read.
var exposed = strings.Join([]string{"Allow", "Content-Disposition", Sandbox, Simulated, "ETag", "RateLimit", "RateLimit-Policy", "Retry-After", problem.RequestID}, ", ")

// share lets pages of the allowed origins call (CORS). It says whether the
// request was a preflight that is now answered.
func (f *front) share(w http.ResponseWriter, r *http.Request) bool {
	if len(f.options.AllowedOrigins) == 0 {
		return false
	}
	h, origin := w.Header(), r.Header.Get("Origin")
	h.Add("Vary", "Origin")
	if origin == "" || !slices.Contains(f.options.AllowedOrigins, origin) && !slices.Contains(f.options.AllowedOrigins, "*") {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", exposed)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	allow := f.api.routes.Find(r.Method, r.URL.EscapedPath()).Allow
	if len(allow) == 0 {
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(allow, ", "))
	h.Set("Access-Control-Allow-Headers", "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, Traceparent")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
