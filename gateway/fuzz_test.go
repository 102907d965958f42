package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
	"github.com/duban-project/duban/gateway/internal/strict"
)

// FuzzStep sends anything to the gateway. It MUST answer each with a code of the
// API, and let no request through that generated code then refuses.
func FuzzStep(f *testing.F) {
	fake := &fake{}
	h, _ := start(f, fake, Options{})
	f.Add("POST", "/v1/units", "unitId=a", `{"kind":"KIND_SCHOOL"}`, "application/json")
	f.Add("PATCH", "/v1/units/a", "updateMask=displayName", `{"labels":{"a":"b"}}`, "application/json; charset=utf-8")
	f.Add("GET", "/v1/feeds/a/proofs", "seq=1&first=2", "", "")
	f.Add("GET", "/v1/feeds/a/records", "wait=30s&start=18446744073709551615", "", "")
	f.Add("OPTIONS", "/docs/../x", "%", "[[[", "x")
	f.Add("POST", "/v1/units/%2e:move", "a[b]=c", `{"a":"\ud800"}`, "application/json")
	f.Fuzz(func(t *testing.T, method, path, query, body, contentType string) {
		decoded, err := url.PathUnescape(path)
		if err != nil || method == "" {
			return
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: decoded, RawPath: path, RawQuery: query}
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), `"FIELDS_INVALID"`) && !strings.Contains(w.Body.String(), "fieldViolations") {
			t.Errorf("%s %s?%s %q passed the step and was refused behind it: %s", method, path, query, body, w.Body)
		}
		switch w.Code {
		case 200, 302, 400, 404, 405, 413, 414, 415, 431:
		case http.StatusNotImplemented: // what the fake does not implement
		default:
			t.Errorf("%s %s?%s %q: %d %s", method, path, query, body, w.Code, w.Body)
		}
	})
}

// FuzzBody compares what package strict lets through with what the decoder of
// generated code takes: all of the one MUST be in the other, and what only the
// decoder takes MUST be one of the things that strict alone refuses.
func FuzzBody(f *testing.F) {
	contract, err := (Backends{}).services()[0].contract()
	if err != nil {
		f.Fatal(err)
	}
	table, err := route.New(contract)
	if err != nil {
		f.Fatal(err)
	}
	targets := []route.Match{
		table.Find("POST", "/v1/units"), table.Find("POST", "/v1/apiKeys"), table.Find("POST", "/v1/units/a/members"),
		table.Find("POST", "/v1/apiKeys/a:rotate"), table.Find("POST", "/v1/installation:initialize"),
	}
	for _, seed := range []string{
		`{"kind":"KIND_SCHOOL","codes":[{"scheme":"a","value":"b"}],"labels":{"a":"b"},"createTime":"2026-01-01T00:00:00Z"}`,
		`{"kind":1.0,"codes":[],"labels":null}`, `{"roles":["ROLE_HEAD",2],"expireTime":null}`, `{"overlap":"1.5s","validateOnly":false}`,
		`{"root":{"kind":1e0},"rootId":"\ud83d\ude00"}`, `{"posts":[{"kind":"KIND_HEAD"}],"partyMember":true}`, `{"kind":1e40}`, `{"kind":"1"}`,
	} {
		for i := range targets {
			f.Add(uint8(i), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		m := targets[int(which)%len(targets)]
		m.Bound = nil // a name that differs from the path's is not the decoder's business
		input := m.Route.Input()
		if m.Route.Body != "*" {
			input = route.Named(input, m.Route.Body).Message()
		}
		_, _, strictly := strict.Body(m, body, 64)
		loosely := protojson.Unmarshal(body, dynamicpb.NewMessage(input))
		if strictly == nil && loosely != nil {
			t.Errorf("%s: strict takes what the decoder refuses (%v): %q", m.Route.Template, loosely, body)
		}
		if strictly != nil && loosely == nil && json.Valid(body) && !stricter(strictly) {
			t.Errorf("%s: strict refuses (%v) what the decoder takes: %q", m.Route.Template, strictly, body)
		}
	})
}

// stricter says whether err is what the decoder would have let pass: an enum's
// number that is not defined, or depth.
func stricter(err error) bool {
	var p *problem.Problem
	if !errors.As(err, &p) {
		return false
	}
	for _, f := range p.Fields {
		if f.Rule != "enum" {
			return false
		}
	}
	return len(p.Fields) > 0 || strings.Contains(err.Error(), "deep")
}
