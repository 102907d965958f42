package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

func TestCallsArrive(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	for _, c := range []struct {
		method, target, body string
		want                 protoadapt.MessageV2
	}{
		{"GET", "/v1/units/a%2Db?asOf=2026-01-02T03:04:05Z", "", nil},
		{"POST", "/v1/units?unitId=a", `{"kind":"KIND_SCHOOL","codes":[{"scheme":"s","value":"v"}],"parent":null}`, nil},
		{"POST", "/v1/units?unit_id=a", `{"kind":6,"display_name":"甲"}`, nil},
		{"POST", "/v1/units/a:archive", "", &organizationv1.ArchiveUnitRequest{Name: "units/a"}},
		{"POST", "/v1/units/a:move", `{"name":"units/a","parent":"units/b"}`, &organizationv1.MoveUnitRequest{Name: "units/a", Parent: "units/b"}},
		{"DELETE", "/v1/roleGrants/a?etag=3", "", &organizationv1.DeleteRoleGrantRequest{Name: "roleGrants/a", Etag: "3"}},
		{"GET", "/v1/feeds/campaign/proofs?size=9&seq=3", "", &feedv1.GetProofRequest{Parent: "feeds/campaign", Size: 9, Of: &feedv1.GetProofRequest_Seq{Seq: 3}}},
	} {
		f.reset(nil)
		w := ask(h, c.method, c.target, c.body)
		if w.Code != http.StatusOK || f.last == nil {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
			continue
		}
		if c.want != nil {
			if diff := cmp.Diff(c.want, f.last, protocmp.Transform()); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", c.method, c.target, diff)
			}
		}
	}
}

func TestMaskComesFromTheBody(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	for _, c := range []struct {
		target, body string
		want         []string
	}{
		{"/v1/units/a", `{"name":"units/a","displayName":"甲","labels":{},"etag":"1","state":"STATE_ACTIVE"}`, []string{"display_name", "labels"}},
		{"/v1/units/a?updateMask=", `{"codes":null}`, []string{"codes"}},
		{"/v1/units/a?updateMask=displayName,labels", `{"codes":[]}`, []string{"display_name", "labels"}},
		{"/v1/units/a?update_mask=display_name", `{"displayName":"a"}`, []string{"display_name"}},
		{"/v1/units/a?updateMask=*", `{"displayName":"a"}`, []string{"*"}},
	} {
		f.reset(nil)
		w := ask(h, "PATCH", c.target, c.body)
		req, ok := f.last.(*organizationv1.UpdateUnitRequest)
		if !ok {
			t.Errorf("%s %s: %d %s", c.target, c.body, w.Code, w.Body)
			continue
		}
		if got := req.GetUpdateMask().GetPaths(); !slices.Equal(got, c.want) || req.GetUnit().GetName() != "units/a" {
			t.Errorf("%s %s: the mask is %q of %s, want %q", c.target, c.body, got, req.GetUnit().GetName(), c.want)
		}
	}
}

func TestAnswersShowWhatIsEmpty(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	w := ask(h, "GET", "/v1/units/a", "")
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"name": "units/a", "displayName": "", "kind": "KIND_UNSPECIFIED", "parent": "", "codes": []any{},
		"labels": map[string]any{}, "state": "STATE_UNSPECIFIED", "mergedInto": "", "etag": "7", "installation": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := w.Header().Get("ETag"); got != `"7"` {
		t.Errorf("ETag is %s", got)
	}
	if w := ask(h, "GET", "/v1/feeds/a/records", ""); !strings.Contains(w.Body.String(), `"5"`) {
		t.Errorf("a 64-bit integer is no string: %s", w.Body)
	}
}

func TestOnlyNamedHeadersBecomeMetadata(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	ask(h, "GET", "/v1/units/a", "", "Authorization: Bearer k", "Idempotency-Key: i", "If-Match: \"1\"", "Accept-Language: en",
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"Grpc-Metadata-Caller: root", "Grpc-Timeout: 1n", "Cookie: c", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil", "X-Duban: y", "Origin: https://a.example")
	got := f.md.Copy()
	for _, transport := range []string{":authority", "content-type", "user-agent"} {
		got.Delete(transport)
	}
	delete(got, ":authority")
	got.Delete("grpc-accept-encoding")
	want := metadata.Pairs("authorization", "Bearer k", "idempotency-key", "i", "if-match", `"1"`, "accept-language", "en",
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIfMatchIsAListOfEtags(t *testing.T) {
	for _, c := range []struct {
		headers []string
		http    int
		passed  string
	}{
		{[]string{`*`}, 200, `*`},
		{[]string{`"1"`}, 200, `"1"`},
		{[]string{`"1", W/"2","a,b"`}, 200, `"1", W/"2","a,b"`},
		{[]string{`"1"`, `"2"`}, 200, `"1", "2"`},
		{[]string{`, "1" ,, "2",`}, 200, `, "1" ,, "2",`},
		{[]string{`1`}, 400, ""},
		{[]string{` `}, 400, ""},
		{[]string{`,`}, 400, ""},
		{[]string{`"1`}, 400, ""},
		{[]string{`"1" "2"`}, 400, ""},
		{[]string{`w/"1"`}, 400, ""},
		{[]string{`*, "1"`}, 400, ""},
		{[]string{`*`, `*`}, 400, ""},
	} {
		f := &fake{}
		h, _ := start(t, f, Options{})
		var headers []string
		for _, value := range c.headers {
			headers = append(headers, "If-Match: "+value)
		}
		w := ask(h, "GET", "/v1/units/a", "", headers...)
		if w.Code != c.http || strings.Join(f.md.Get("if-match"), "|") != c.passed {
			t.Errorf("%q: %d, passed on as %q", c.headers, w.Code, f.md.Get("if-match"))
		}
	}
}

func TestRequestIDIsTheTrace(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	w := ask(h, "GET", "/v1/units/a", "")
	id := w.Header().Get("X-Request-Id")
	if trace := f.md.Get("traceparent"); len(trace) != 1 || !strings.HasPrefix(trace[0], "00-"+id+"-") || len(trace[0]) != 55 {
		t.Errorf("the id is %s, the trace %s", id, trace)
	}
	for _, bad := range []string{"", "x", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"} {
		if id := ask(h, "GET", "/v1/units/a", "", "Traceparent: "+bad).Header().Get("X-Request-Id"); len(id) != 32 || strings.Contains(bad, id) {
			t.Errorf("the id for the trace %q is %q", bad, id)
		}
	}
	traced, _ := start(t, f, Options{TraceID: func(context.Context) string { return "4bf92f3577b34da6a3ce929d0e0e4736" }})
	if id := ask(traced, "GET", "/healthz", "").Header().Get("X-Request-Id"); id != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("with tracing the id is %s", id)
	}
}

// explained is an error as services send it.
func explained(t *testing.T, code codes.Code, reason string, details ...protoadapt.MessageV1) error {
	t.Helper()
	all := append([]protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: "duban"}}, details...)
	st, err := status.New(code, "in English").WithDetails(all...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestServicesErrors(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	ifMatch, none := `If-Match: "1"`, "X-None: 1"
	overloaded, err := status.New(codes.ResourceExhausted, "").WithDetails(&errdetails.ErrorInfo{Reason: "SERVER_OVERLOADED", Metadata: map[string]string{"limit": "256"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err      error
		header   string
		http     int
		reason   string
		answered string // a header and its value
	}{
		{explained(t, codes.Aborted, "ETAG_STALE"), ifMatch, 412, "ETAG_STALE", ""},
		{explained(t, codes.Aborted, "ETAG_STALE"), none, 409, "ETAG_STALE", ""},
		{explained(t, codes.Aborted, "OTHER"), ifMatch, 409, "OTHER", ""},
		{explained(t, codes.FailedPrecondition, "UNIT_IS_ROOT"), none, 400, "UNIT_IS_ROOT", ""},
		{explained(t, codes.AlreadyExists, "REQUEST_ID_REUSED"), none, 409, "REQUEST_ID_REUSED", ""},
		{explained(t, codes.ResourceExhausted, "RATE_LIMITED"), none, 429, "RATE_LIMITED", "Retry-After: 1"},
		{explained(t, codes.ResourceExhausted, "QUOTA_SPENT", &errdetails.RetryInfo{RetryDelay: durationpb.New(89*time.Minute + 1)}), none, 429, "QUOTA_SPENT", "Retry-After: 5341"},
		{explained(t, codes.Unauthenticated, "SECOND_FACTOR_REQUIRED"), none, 401, "SECOND_FACTOR_REQUIRED", `Www-Authenticate: Bearer error="insufficient_user_authentication"`},
		{explained(t, codes.Unavailable, "DIRECTORY_STALE"), none, 503, "DIRECTORY_STALE", "Retry-After: 1"},
		{explained(t, codes.Unauthenticated, "UNAUTHENTICATED"), none, 401, "UNAUTHENTICATED", "Www-Authenticate: Bearer"},
		{explained(t, codes.PermissionDenied, "PERMISSION_DENIED"), none, 403, "PERMISSION_DENIED", ""},
		{explained(t, codes.NotFound, "NOT_FOUND"), none, 404, "NOT_FOUND", ""},
		{explained(t, codes.Unknown, "OUTCOME_UNKNOWN"), none, 500, "OUTCOME_UNKNOWN", ""},
		{explained(t, codes.InvalidArgument, "BODY_TOO_LARGE"), none, 413, "BODY_TOO_LARGE", ""},
		{status.Error(codes.Internal, "pq: secret"), none, 500, "INTERNAL", ""},
		{status.Error(codes.Unknown, "secret"), none, 500, "INTERNAL", ""},
		{status.Error(codes.Unavailable, "dial 10.0.0.1: secret"), none, 503, "UNAVAILABLE", "Retry-After: 1"},
		{status.Error(codes.DeadlineExceeded, "secret"), none, 504, "DEADLINE_EXCEEDED", ""},
		{status.Error(codes.Unimplemented, "secret"), none, 501, "UNIMPLEMENTED", ""},
		{status.Error(codes.ResourceExhausted, "secret"), none, 429, "SERVER_OVERLOADED", "Retry-After: 1"},
		{status.Error(codes.ResourceExhausted, "secret"), none, 429, "SERVER_OVERLOADED", `RateLimit: "load";r=0;t=1`},
		{explained(t, codes.ResourceExhausted, "SERVER_OVERLOADED", &errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)}), none, 429, "SERVER_OVERLOADED", `RateLimit: "load";r=0;t=7`},
		{overloaded.Err(), none, 429, "SERVER_OVERLOADED", `RateLimit-Policy: "load";q=256;qu="concurrent-requests"`},
		{status.Error(codes.InvalidArgument, "secret"), none, 400, "FIELDS_INVALID", ""},
	} {
		f.reset(c.err)
		w := ask(h, "GET", "/v1/units/a", "", c.header)
		a := decode(t, w)
		if w.Code != c.http || a.reason() != c.reason {
			t.Errorf("%v: got %d %s, want %d %s", c.err, w.Code, a.reason(), c.http, c.reason)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v reaches the client: %s", c.err, w.Body)
		}
		if name, value, ok := strings.Cut(c.answered, ": "); ok && w.Header().Get(name) != value {
			t.Errorf("%v: %s is %q, want %q", c.err, name, w.Header().Get(name), value)
		}
		problem := ask(h, "GET", "/v1/units/a", "", c.header, "Accept: application/problem+json")
		if problem.Code != c.http || !strings.Contains(problem.Body.String(), `"type":"/docs/errors#`+c.reason+`"`) {
			t.Errorf("%v as a problem: %d %s", c.err, problem.Code, problem.Body)
		}
	}
}

func TestServicesFieldsGetTheirJSONNames(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	f.reset(explained(t, codes.InvalidArgument, "FIELDS_INVALID",
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "unit.display_name"}, {Field: "unit.codes[0].scheme"}, {Field: `unit.labels["a.b_c"]`}, {Field: "unit_id"}, {Field: "what_is.this"},
		}}, &errdetails.LocalizedMessage{Locale: "zh-CN", Message: "有误"}))
	a := decode(t, ask(h, "POST", "/v1/units", "{}"))
	want := `unit.displayName ; unit.codes[0].scheme ; unit.labels["a.b_c"] ; unitId ; what_is.this `
	if got := a.fields(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	problem := ask(h, "POST", "/v1/units", "{}", "Accept: application/problem+json")
	if !strings.Contains(problem.Body.String(), `"detail":"有误"`) {
		t.Errorf("the service's own words are lost: %s", problem.Body)
	}
}

// TestHEADIsGETWithoutABody (RFC 9110, 9.3.2): the same status and headers.
func TestHEADIsGETWithoutABody(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	server := httptest.NewServer(h)
	defer server.Close()
	for _, target := range []string{"/v1/units/a", "/v1/units", "/v1/nothing", "/openapi.json"} {
		get, head := fetch(t, "GET", server.URL+target), fetch(t, "HEAD", server.URL+target)
		if head.StatusCode != get.StatusCode || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") || head.Header.Get("ETag") != get.Header.Get("ETag") {
			t.Errorf("HEAD %s = %s %v, GET = %s %v", target, head.Status, head.Header, get.Status, get.Header)
		}
		if n, err := io.Copy(io.Discard, head.Body); n != 0 || err != nil {
			t.Errorf("HEAD %s has a body: %d, %v", target, n, err)
		}
	}
}

func fetch(t *testing.T, method, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestTimeoutReachesTheCall(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{Timeout: time.Nanosecond})
	w := ask(h, "GET", "/v1/units/a", "")
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestCORS(t *testing.T) {
	h, _ := start(t, &fake{}, Options{AllowedOrigins: []string{"https://portal.example"}})
	preflight := func(origin, target string) *httptest.ResponseRecorder {
		return ask(h, "OPTIONS", target, "", "Origin: "+origin, "Access-Control-Request-Method: POST")
	}
	w := preflight("https://portal.example", "/v1/units")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://portal.example", "Access-Control-Allow-Methods": "GET, HEAD, POST", "Vary": "Origin",
	} {
		if got := w.Header().Get(name); got != want || w.Code != http.StatusNoContent {
			t.Errorf("preflight: %d, %s is %q, want %q", w.Code, name, got, want)
		}
	}
	if w := preflight("https://evil.example", "/v1/units"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %d %v", w.Code, w.Header())
	}
	if w := preflight("https://portal.example", "/v1/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("no such path: %d", w.Code)
	}
	w = ask(h, "GET", "/v1/units", "", "Origin: https://portal.example")
	if w.Code != http.StatusOK || w.Header().Get("Access-Control-Allow-Origin") != "https://portal.example" {
		t.Errorf("a call: %d %v", w.Code, w.Header())
	}
	for _, name := range []string{"Allow", "Content-Disposition", "Duban-Sandbox", "Duban-Simulated", "ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"} {
		if !slices.Contains(strings.Split(w.Header().Get("Access-Control-Expose-Headers"), ", "), name) {
			t.Errorf("pages may not read %s: %v", name, w.Header())
		}
	}
	off, _ := start(t, &fake{}, Options{})
	if w := ask(off, "GET", "/v1/units", "", "Origin: https://portal.example"); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("CORS is not off: %v", w.Header())
	}
}

// TestWhoAsksNeedNotSendALargeBody: the answer to Expect is the refusal.
func TestWhoAsksNeedNotSendALargeBody(t *testing.T) {
	h, _ := start(t, &fake{}, Options{MaxBody: 100})
	server := httptest.NewServer(h)
	defer server.Close()
	for length, want := range map[int]string{101: "HTTP/1.1 413 ", 100: "HTTP/1.1 100 "} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /v1/units HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", length)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("%d bytes of at most 100: %q, %v; want %s", length, line, err, want)
		}
		_ = conn.Close()
	}
}

// TestTheAnswerToALargeBodyArrives: also at a client that sends everything before
// it reads anything.
func TestTheAnswerToALargeBodyArrives(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	server := httptest.NewServer(h)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const size = 10 << 20
	if _, err := fmt.Fprintf(conn, "POST /v1/units HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(bytes.Repeat([]byte(" "), size)); err != nil {
		t.Fatalf("sending the body: %v", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %v, %v; want 413", res, err)
	}
}
