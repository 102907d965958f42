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

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
	"github.com/duban-project/duban/gateway/internal/strict"
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
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
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), inputKey{}, m.Route.Input()), a.options.Timeout)
	defer cancel()
	ctx = a.options.withNetwork(ctx, r)
	h := &holding{bodies: a.bodies}
	defer h.end()
	checked, err := a.rewrite(h, r.WithContext(ctx), m)
	if err != nil {
		problem.Write(w, r, m.Route.Input(), err)
		return
	}
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
func (a *api) rewrite(h *holding, r *http.Request, m route.Match) (*http.Request, error) {
	header, err := checkHeader(r)
	if err != nil {
		return nil, err
	}
	query, err := strict.Query(m.Route, r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	body, err := a.body(h, r, header, m)
	if err != nil {
		return nil, err
	}
	out := &http.Request{
		Method: m.Route.Method, Header: header, Body: http.NoBody,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
	}
	if len(body) > 0 {
		if err := h.decode(r.Context(), header, body, public(m)); err != nil {
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

// ruleOf says who may make a call.
func ruleOf(m route.Match) *accessv1.Rule {
	rule, _ := proto.GetExtension(m.Route.Call.Options(), accessv1.E_Rule).(*accessv1.Rule)
	return rule
}

// public says whether a call is for everybody, at least at first.
func public(m route.Match) bool { return ruleOf(m).GetPublic() || ruleOf(m).GetBootstrap() }

// body reads the body, up to the limit: the contract lets those of some calls have more
// than others. No body at all is an empty request, also where one could be.
func (a *api) body(h *holding, r *http.Request, header http.Header, m route.Match) ([]byte, error) {
	limit := max(a.options.MaxBody, int64(ruleOf(m).GetMaxMib())<<20)
	if r.ContentLength > limit && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return nil, tooLarge(limit) // who asks first need not send it
	}
	var body []byte
	var err error
	if r.ContentLength <= limit {
		body, err = h.read(r, header, limit, public(m))
	}
	if r.ContentLength > limit || int64(len(body)) > limit {
		err = tooLarge(limit)
	}
	switch {
	case err != nil:
		// Most clients read the answer only once they have sent all: what is not
		// far too large is read to its end, and thrown away.
		h.end()
		_, _ = io.CopyN(io.Discard, r.Body, patience*limit)
		return nil, err
	case m.Route.Body == "" && len(body) > 0:
		return nil, problem.Malformed(problem.Field{Path: problem.Body, Rule: "none", Text: problem.Text{Zh: "此接口不接受正文", En: "this method takes none"}})
	case len(body) > 0:
		return body, checkJSON(r)
	}
	return nil, nil
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
