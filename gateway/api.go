package gateway

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
	"github.com/duban-project/duban/gateway/internal/strict"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

// api is the strict step in front of generated code. It hands on a request that
// it has written itself, so that nothing passes which it did not look at.
type api struct {
	options Options
	routes  *route.Table
	mux     http.Handler
	bodies  *bodies
}

type inputKey struct{}

// inputOf returns the request message of the call that is being made, or nil.
func inputOf(ctx context.Context) protoreflect.MessageDescriptor {
	d, _ := ctx.Value(inputKey{}).(protoreflect.MessageDescriptor)
	return d
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, err := a.find(w, r)
	if err != nil {
		problem.Write(w, r, nil, err)
		return
	}
	r.Pattern = m.Route.Method + " " + m.Route.Template // what traces and metrics call the request
	ctx := a.options.withNetwork(context.WithValue(r.Context(), inputKey{}, m.Route.Input()), r)
	h := a.bodies.of(strings.Join(networkOf(ctx, r).Get(networkHeader), ""), a.limit(m), m.Route.Call)
	defer h.end()
	checked, err := a.rewrite(h, w, r.WithContext(ctx), m)
	if err != nil {
		problem.Write(w, r, m.Route.Input(), err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.options.Timeout) // from when the body is there
	defer cancel()
	a.mux.ServeHTTP(w, checked.WithContext(ctx))
}

// find looks up the route.
func (a *api) find(w http.ResponseWriter, r *http.Request) (route.Match, error) {
	m := a.routes.Find(r.Method, r.URL.EscapedPath())
	switch {
	case len(m.Allow) == 0:
		return m, problem.Of(faultv1.Reason_REASON_ROUTE_UNKNOWN)
	case m.Route == nil:
		w.Header().Set("Allow", strings.Join(m.Allow, ", "))
		return m, problem.Of(faultv1.Reason_REASON_METHOD_NOT_ALLOWED)
	}
	return m, nil
}

// rewrite checks all parts of the request and makes of them another.
func (a *api) rewrite(h *holding, w http.ResponseWriter, r *http.Request, m route.Match) (*http.Request, error) {
	header, err := checkHeader(r)
	if err != nil {
		return nil, err
	}
	query, err := strict.Query(m.Route, r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	body, err := a.body(h, a.bodies.paced(w, r.Body), r, header, m)
	if err != nil {
		return nil, err
	}
	out := &http.Request{
		Method: m.Route.Method, Header: header, Body: http.NoBody,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
	}
	if len(body) > 0 {
		if err := h.decode(r.Context(), header, body); err != nil {
			return nil, err
		}
		body, set, err := strict.Body(m, body, a.options.MaxDepth)
		if err != nil {
			return nil, err
		}
		strict.Mask(m.Route, query, set)
		header.Set("Content-Type", "application/json")
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	out.URL = &url.URL{Path: m.Path, RawQuery: query.Encode()}
	return out, nil
}

// limit is how many bytes a body may have: the contract lets those of some calls have more
// than others.
func (a *api) limit(m route.Match) int64 {
	return max(a.options.MaxBody, int64(ruleOf(m.Route.Call).GetMaxMib())<<20)
}

// body reads the body, up to the limit. No body at all is an empty request, also where one
// could be.
func (a *api) body(h *holding, from *paced, r *http.Request, header http.Header, m route.Match) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > h.limit && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return nil, tooLarge(h.limit) // who asks first need not send it
	}
	var body []byte
	var err error
	if r.ContentLength <= h.limit {
		body, err = h.read(r.Context(), header, from)
	}
	if r.ContentLength > h.limit || int64(len(body)) > h.limit {
		err = tooLarge(h.limit)
	}
	if err != nil {
		h.end()
		from.refuse(patience * h.limit)
		return nil, err
	}
	from.all()
	switch {
	case len(body) == 0:
		return nil, nil
	case m.Route.Body == "":
		return nil, problem.Malformed(problem.Field{Path: problem.Body, Rule: "none", Text: problem.Text{Zh: "此接口不接受正文", En: "this method takes none"}})
	}
	return body, checkJSON(r)
}

// patience is how many times the limit a body may have whose sender still gets to
// read the answer.
const patience = 8

func tooLarge(limit int64) error {
	bytes := strconv.FormatInt(limit, 10)
	return &problem.Problem{
		Reason: faultv1.Reason_REASON_BODY_TOO_LARGE,
		Facts:  map[string]problem.Text{"limit": problem.Same(bytes)},
		Fields: []problem.Field{{Path: problem.Body, Rule: "size", Text: problem.Text{
			Zh: "不得超过 " + bytes + " 字节", En: "must have at most " + bytes + " bytes",
		}}},
	}
}

// checkJSON refuses a body that is not declared as JSON in UTF-8, as it is.
func checkJSON(r *http.Request) error {
	const contentType, contentEncoding = "Content-Type", "Content-Encoding"
	if encoding := r.Header.Get(contentEncoding); encoding != "" && encoding != "identity" {
		return unsupported(contentEncoding, problem.Text{Zh: "不得压缩", En: "must not be compressed"})
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get(contentType))
	fits := err == nil && kind == "application/json" && len(r.Header.Values(contentType)) == 1
	for name, value := range parameters {
		fits = fits && name == "charset" && strings.EqualFold(value, "utf-8")
	}
	if !fits {
		return unsupported(contentType, problem.Text{Zh: "应为 application/json", En: "must be application/json"})
	}
	return nil
}

func unsupported(header string, text problem.Text) error {
	return &problem.Problem{
		Reason: faultv1.Reason_REASON_MEDIA_TYPE_UNSUPPORTED,
		Fields: []problem.Field{{Path: header, Rule: "header", Text: text}},
	}
}
