package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/duban-project/duban/gateway/internal/problem"
)

// What a client may send at most, in bytes.
const (
	maxURL    = 32 << 10
	maxHeader = 32 << 10 // all headers together
)

// MaxHeaderBytes is what the server that mounts the gateway MUST let through at least,
// so that a request whose address or headers are too large is answered in the form
// of every other refusal. What is larger still, and what is no HTTP at all, net/http
// answers by itself, in a line of plain text (431, 400), before any handler has it.
const MaxHeaderBytes = 4 * (maxURL + maxHeader)

// forwarded returns the headers that generated code sees and the limit, in bytes,
// of each. Those in toMetadata, and Authorization, reach the services.
func forwarded() map[string]int {
	return map[string]int{
		"Accept":          1024, // for errors alone
		"Accept-Language": 256,
		"Authorization":   16<<10 + len("Bearer "), // as much as authn takes
		"Idempotency-Key": 128,
		"If-Match":        1024,
		"Traceparent":     128,
	}
}

// toMetadata names the metadata that a header becomes. Authorization is not
// among them: generated code passes it on by itself.
func toMetadata(header string) (string, bool) {
	switch header {
	case "Accept-Language", "Idempotency-Key", "If-Match", "Traceparent":
		return strings.ToLower(header), true
	}
	return "", false
}

// limitHeaders say how often the caller may call, and how much of that is left
// (draft-ietf-httpapi-ratelimit-headers-10), by the metadata that says so.
func limitHeaders() map[string]string {
	return map[string]string{"ratelimit-policy": "RateLimit-Policy", "ratelimit": "RateLimit"}
}

// toHeader lets no other metadata of a service become a header.
func toHeader(key string) (string, bool) {
	name, ok := limitHeaders()[key]
	return name, ok
}

// tellLimits gives a refusal the headers that an answer gets by itself.
func tellLimits(ctx context.Context, w http.ResponseWriter) {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	for key, name := range limitHeaders() {
		if values := md.HeaderMD.Get(key); len(values) > 0 {
			w.Header().Set(name, strings.Join(values, ", "))
		}
	}
}

// checkHeader returns the headers that go on, each at most once. It refuses those
// that the services could not read rather than dropping them: a request without
// its Idempotency-Key is another request.
func checkHeader(r *http.Request) (http.Header, error) {
	if len(r.URL.EscapedPath())+len(r.URL.RawQuery) > maxURL {
		return nil, limit("URL", http.StatusRequestURITooLong)
	}
	size := 0
	for name, values := range r.Header {
		size += len(name) + len(strings.Join(values, ", "))
	}
	if size > maxHeader {
		return nil, limit("headers", http.StatusRequestHeaderFieldsTooLarge)
	}
	out := http.Header{}
	var wrong []problem.Field
	for name, most := range forwarded() {
		values := r.Header.Values(name)
		if text := checkValues(name, values, most); text.En != "" {
			wrong = append(wrong, problem.Field{Path: name, Rule: "header", Text: text})
		}
		if len(values) > 0 {
			out.Set(name, strings.Join(values, ", "))
		}
	}
	if len(wrong) > 0 {
		return nil, problem.Invalid(wrong...)
	}
	return out, nil
}

func limit(what string, code int) error {
	p := problem.Invalid(problem.Field{Path: what, Rule: "size", Text: problem.Text{Zh: "过长", En: "too long"}})
	p.HTTP = code
	return p
}

// checkValues says what is wrong with a header, or nothing.
func checkValues(name string, values []string, most int) problem.Text {
	joined := strings.Join(values, ", ")
	switch {
	case len(values) > 1 && !isList(name):
		return problem.Text{Zh: "请求头重复", En: "the header is given more than once"}
	case len(joined) > most:
		return problem.Text{Zh: "请求头过长", En: "the header is too long"}
	case strings.ContainsFunc(joined, func(c rune) bool { return c < ' ' || c > '~' }):
		return problem.Text{Zh: "请求头只能含可打印的 ASCII 字符", En: "the header may hold printable ASCII only"}
	case name == "Idempotency-Key" && len(values) > 0 && strings.TrimSpace(joined) == "":
		return problem.Text{Zh: "不能只有空白", En: "must not be blank"}
	case name == "If-Match" && len(values) > 0 && !etags.MatchString(joined):
		return problem.Text{Zh: "应为带引号的 etag，以逗号分隔，或 *", En: "must be etags in quotes, with commas between them, or *"}
	}
	return problem.Text{}
}

// isList says whether a header that is given twice means the same as one with a
// comma between the values (RFC 9110, section 5.3).
func isList(name string) bool { return strings.HasPrefix(name, "Accept") || name == "If-Match" }

// etags is what If-Match may hold (RFC 9110, section 13.1.1). Which of them is the
// record's, its service says.
var etags = regexp.MustCompile(`^(\*|[, ]*` + etag + `( *,( *` + etag + `)?)* *)$`)

const etag = `(W/)?"[!#-~]*"`

// identify returns the id of a request: its trace's, or a random one. If there is
// no tracing here, the id goes on to the services as a trace of its own.
func identify(r *http.Request, trace string) (string, *http.Request) {
	if trace != "" {
		return trace, r
	}
	if id := traceOf(r.Header.Values("Traceparent")); id != "" {
		return id, r
	}
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails
	id, span := hex.EncodeToString(random[:16]), hex.EncodeToString(random[16:])
	r = r.Clone(r.Context())
	r.Header.Set("Traceparent", "00-"+id+"-"+span+"-00")
	return id, r
}

// traceOf reads the trace id of a W3C traceparent, or "".
func traceOf(values []string) string {
	if len(values) != 1 || len(values[0]) != 55 {
		return ""
	}
	parts := strings.Split(values[0], "-")
	if len(parts) != 4 || len(parts[1]) != 32 || strings.Trim(parts[1], "0123456789abcdef") != "" || strings.Trim(parts[1], "0") == "" {
		return ""
	}
	return parts[1]
}
