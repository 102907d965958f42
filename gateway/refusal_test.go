package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// answer is what a test reads of a refusal.
type answer struct {
	Code    int
	Message string
	Details []struct {
		Type            string `json:"@type"`
		Reason          string
		Domain          string
		Locale, Message string
		FieldViolations []struct {
			Field, Description, Reason string
			LocalizedMessage           struct{ Locale, Message string }
		}
	}
}

func (a answer) reason() (reason string) {
	for _, d := range a.Details {
		if strings.HasSuffix(d.Type, "ErrorInfo") {
			reason = d.Reason
		}
	}
	return reason
}

func (a answer) fields() string {
	var fields []string
	for _, d := range a.Details {
		for _, v := range d.FieldViolations {
			fields = append(fields, v.Field+" "+v.Reason)
		}
	}
	return strings.Join(fields, "; ")
}

func (a answer) localized() (locale, message string) {
	for _, d := range a.Details {
		if strings.HasSuffix(d.Type, "LocalizedMessage") {
			locale, message = d.Locale, d.Message
		}
	}
	return locale, message
}

// ask sends a request; headers are "Name: value", and a body is JSON unless they
// say otherwise.
func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	r.URL = u
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Content-Type" {
			r.Header.Del(name)
		}
		if value != "" {
			r.Header.Add(name, value)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func decode(t *testing.T, w *httptest.ResponseRecorder) (a answer) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("the answer %q: %v", w.Body, err)
	}
	return a
}

func TestRefusals(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{MaxBody: 1 << 20, MaxDepth: 8})
	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		http                       int
		reason, fields             string
	}{
		{"unknown path", "GET", "/v1/nothing", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"unknown verb", "POST", "/v1/units/a:explode", "{}", nil, 404, "ROUTE_UNKNOWN", ""},
		{"verb on GET of a name", "GET", "/v1/units/a:move", "", nil, 405, "METHOD_NOT_ALLOWED", ""},
		{"empty verb", "GET", "/v1/units/a:", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"empty segment", "GET", "/v1//units", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"trailing slash", "GET", "/v1/units/", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"encoded slash", "GET", "/v1/units/a%2Fb", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"encoded colon", "POST", "/v1/units/a%3Amove", "{}", nil, 404, "ROUTE_UNKNOWN", ""},
		{"encoded dots", "GET", "/v1/units/%2e%2e", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"NUL", "GET", "/v1/units/a%00", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"not UTF-8 in the path", "GET", "/v1/units/%ff", "", nil, 404, "ROUTE_UNKNOWN", ""},
		{"not part of REST", "POST", "/duban.organization.v1.OrganizationService/Introspect", "{}", nil, 404, "ROUTE_UNKNOWN", ""},
		{"wrong method", "DELETE", "/v1/units", "", nil, 405, "METHOD_NOT_ALLOWED", ""},
		{"method override", "POST", "/v1/units/a", "", []string{"X-HTTP-Method-Override: GET"}, 405, "METHOD_NOT_ALLOWED", ""},
		{"HEAD of what is not to GET", "HEAD", "/v1/units/a:move", "", nil, 405, "METHOD_NOT_ALLOWED", ""},
		{"OPTIONS without CORS", "OPTIONS", "/v1/units", "", []string{"Origin: https://a.example", "Access-Control-Request-Method: GET"}, 405, "METHOD_NOT_ALLOWED", ""},
		{"POST on a page", "POST", "/openapi.json", "{}", nil, 405, "METHOD_NOT_ALLOWED", ""},

		{"form", "POST", "/v1/units", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "MEDIA_TYPE_UNSUPPORTED", "Content-Type header"},
		{"form to a GET", "POST", "/v1/units/a", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 405, "METHOD_NOT_ALLOWED", ""},
		{"no content type", "POST", "/v1/units", "{}", []string{"Content-Type: "}, 415, "MEDIA_TYPE_UNSUPPORTED", "Content-Type header"},
		{"another charset", "POST", "/v1/units", "{}", []string{"Content-Type: application/json; charset=gbk"}, 415, "MEDIA_TYPE_UNSUPPORTED", "Content-Type header"},
		{"compressed", "POST", "/v1/units", "{}", []string{"Content-Encoding: gzip"}, 415, "MEDIA_TYPE_UNSUPPORTED", "Content-Encoding header"},
		{"too large", "POST", "/v1/units", `{"displayName":"` + strings.Repeat("a", 1<<20) + `"}`, nil, 413, "BODY_TOO_LARGE", "body size"},
		{"body on GET", "GET", "/v1/units", "{}", nil, 400, "BODY_MALFORMED", "body none"},
		{"body on DELETE", "DELETE", "/v1/roleGrants/a", "{}", nil, 400, "BODY_MALFORMED", "body none"},

		{"not JSON", "POST", "/v1/units", "{", nil, 400, "BODY_MALFORMED", "body syntax"},
		{"no object", "POST", "/v1/units", "[]", nil, 400, "BODY_MALFORMED", "body type"},
		{"null", "POST", "/v1/units", "null", nil, 400, "BODY_MALFORMED", "body type"},
		{"trailing data", "POST", "/v1/units", "{} {}", nil, 400, "BODY_MALFORMED", "body syntax"},
		{"too deep", "POST", "/v1/units", `{"x":` + deep + `}`, nil, 400, "BODY_MALFORMED", "unit.x[0][0][0][0][0][0][0] depth"},
		{"too deep in the whole", "POST", "/v1/units/a:move", `{"newParent":{"a b":` + deep + `}}`, nil, 400, "BODY_MALFORMED", "newParent.a b[0][0][0][0][0][0] depth"},
		{"not JSON within", "POST", "/v1/units", `{"kind":1,"codes":[{"scheme":"a"},{"value":x}]}`, nil, 400, "BODY_MALFORMED", "unit.codes[1].value syntax"},
		{"cut off", "POST", "/v1/units", `{"labels":{"a":"b"},"codes":[{}`, nil, 400, "BODY_MALFORMED", "unit.codes[1] syntax"},
		{"a comma too many", "POST", "/v1/units", `{"labels":{"a":"b"},}`, nil, 400, "BODY_MALFORMED", "unit.labels syntax"},
		{"a long name", "POST", "/v1/units", `{"` + strings.Repeat("a", 999) + `":x`, nil, 400, "BODY_MALFORMED", "unit." + strings.Repeat("a", 251) + "… syntax"},
		{"too many values", "POST", "/v1/apiKeys", `{"roles":[1` + strings.Repeat(",1", 250_000) + `]}`, nil, 400, "BODY_MALFORMED", "body values"},
		{"not UTF-8 in a name", "POST", "/v1/units", "{\"labels\":{\"a\xff\":\"b\"}}", nil, 400, "FIELDS_INVALID", "unit.labels encoding"},
		{"not UTF-8", "POST", "/v1/units", "{\"displayName\":\"\xff\"}", nil, 400, "FIELDS_INVALID", "unit.displayName encoding"},
		{"not UTF-8 in a list", "POST", "/v1/units", "{\"codes\":[{\"scheme\":\"\xff\"}]}", nil, 400, "FIELDS_INVALID", "unit.codes[0].scheme encoding"},
		{"half a character", "POST", "/v1/units", `{"displayName":"\ud800x"}`, nil, 400, "FIELDS_INVALID", "unit.displayName encoding"},

		{"unknown field", "POST", "/v1/units", `{"displayNme":"a"}`, nil, 400, "FIELDS_INVALID", "unit.displayNme unknown"},
		{"unknown nested field", "POST", "/v1/units", `{"codes":[{"scheme":"a"},{"schema":"b"}]}`, nil, 400, "FIELDS_INVALID", "unit.codes[1].schema unknown"},
		{"wrong type", "POST", "/v1/units", `{"codes":[{"scheme":1}]}`, nil, 400, "FIELDS_INVALID", "unit.codes[0].scheme type"},
		{"no list", "POST", "/v1/units", `{"codes":{}}`, nil, 400, "FIELDS_INVALID", "unit.codes type"},
		{"no object in a list", "POST", "/v1/units", `{"codes":[null,[{"a":1}]]}`, nil, 400, "FIELDS_INVALID", "unit.codes[0] type; unit.codes[1] type"},
		{"wrong map value", "POST", "/v1/units", `{"labels":{"stage":1}}`, nil, 400, "FIELDS_INVALID", `unit.labels["stage"] type`},
		{"repeated map key", "POST", "/v1/units", `{"labels":{"a":"1","a":"2"}}`, nil, 400, "FIELDS_INVALID", `unit.labels["a"] duplicate`},
		{"repeated key", "POST", "/v1/units", `{"parent":"units/a","parent":"units/b"}`, nil, 400, "FIELDS_INVALID", "unit.parent duplicate"},
		{"both names of a field", "POST", "/v1/units", `{"displayName":"a","display_name":"b"}`, nil, 400, "FIELDS_INVALID", "unit.displayName duplicate"},
		{"unknown enum name", "POST", "/v1/units", `{"kind":"KIND_PLANET"}`, nil, 400, "FIELDS_INVALID", "unit.kind enum"},
		{"undefined enum number", "POST", "/v1/units", `{"kind":99}`, nil, 400, "FIELDS_INVALID", "unit.kind enum"},
		{"wrong enum in a list", "POST", "/v1/apiKeys", `{"roles":["ROLE_HEAD","HEAD"]}`, nil, 400, "FIELDS_INVALID", "apiKey.roles[1] enum"},
		{"no instant", "POST", "/v1/apiKeys", `{"expireTime":"tomorrow"}`, nil, 400, "FIELDS_INVALID", "apiKey.expireTime type"},
		{"no duration", "POST", "/v1/apiKeys/a:rotate", `{"overlap":"1 day"}`, nil, 400, "FIELDS_INVALID", "overlap type"},
		{"no bool", "POST", "/v1/units/a:move", `{"validateOnly":"true"}`, nil, 400, "FIELDS_INVALID", "validateOnly type"},
		{"several at once", "POST", "/v1/units", `{"kind":true,"parent":{},"x":[1]}`, nil, 400, "FIELDS_INVALID", "unit.kind enum; unit.parent type; unit.x unknown"},
		{"another name than the path's", "POST", "/v1/units/a:move", `{"name":"units/b"}`, nil, 400, "FIELDS_INVALID", "name path"},
		{"another nested name", "PATCH", "/v1/units/a", `{"name":"units/b"}`, nil, 400, "FIELDS_INVALID", "unit.name path"},

		{"unknown parameter", "GET", "/v1/units?sort=name", "", nil, 400, "FIELDS_INVALID", "sort unknown"},
		{"repeated parameter", "GET", "/v1/units?filter=a&filter=b", "", nil, 400, "FIELDS_INVALID", "filter duplicate"},
		{"both names of a parameter", "GET", "/v1/units?page_size=1&pageSize=2", "", nil, 400, "FIELDS_INVALID", "pageSize duplicate"},
		{"parameter of a wrong type", "GET", "/v1/units?pageSize=many", "", nil, 400, "FIELDS_INVALID", "pageSize type"},
		{"no instant in the query", "GET", "/v1/units/a?asOf=yesterday", "", nil, 400, "FIELDS_INVALID", "asOf type"},
		{"the path's field in the query", "GET", "/v1/units/a?name=units/b", "", nil, 400, "FIELDS_INVALID", "name unknown"},
		{"the body's field in the query", "POST", "/v1/units?unit.kind=1", "{}", nil, 400, "FIELDS_INVALID", "unit.kind body"},
		{"a query beside a whole body", "POST", "/v1/units/a:move?etag=1", "{}", nil, 400, "FIELDS_INVALID", "etag body"},
		{"two of a oneof", "GET", "/v1/feeds/a/proofs?seq=1&first=2", "", nil, 400, "FIELDS_INVALID", "seq oneof"},
		{"mask of no field", "PATCH", "/v1/units/a?updateMask=displayName,colour", "{}", nil, 400, "FIELDS_INVALID", "updateMask mask"},
		{"broken escape", "GET", "/v1/units?filter=%zz", "", nil, 400, "FIELDS_INVALID", "filter encoding"},
		{"broken escape behind another", "GET", "/v1/units?pageSize=1&filter=%z", "", nil, 400, "FIELDS_INVALID", "filter encoding"},
		{"a semicolon", "GET", "/v1/units?filter=a;b", "", nil, 400, "FIELDS_INVALID", "filter encoding"},
		{"broken escape in a name", "GET", "/v1/units?%zz=a", "", nil, 400, "FIELDS_INVALID", "? encoding"},
		{"not UTF-8 in the query", "GET", "/v1/units?filter=%ff", "", nil, 400, "FIELDS_INVALID", "filter encoding"},

		{"two keys of idempotency", "POST", "/v1/units", "{}", []string{"Idempotency-Key: a", "Idempotency-Key: b"}, 400, "FIELDS_INVALID", "Idempotency-Key header"},
		{"a key that cannot go on", "POST", "/v1/units", "{}", []string{"Idempotency-Key: 编号"}, 400, "FIELDS_INVALID", "Idempotency-Key header"},
		{"a key of blanks", "POST", "/v1/units", "{}", []string{"Idempotency-Key:   \t "}, 400, "FIELDS_INVALID", "Idempotency-Key header"},
		{"long headers", "GET", "/v1/units", "", []string{"X-Noise: " + strings.Repeat("a", maxHeader)}, 431, "FIELDS_INVALID", "headers size"},
		{"long query", "GET", "/v1/units?filter=" + strings.Repeat("a", maxURL), "", nil, 414, "FIELDS_INVALID", "URL size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.reset(nil)
			w := ask(h, c.method, c.target, c.body, c.headers...)
			a := decode(t, w)
			got := fmt.Sprint(w.Code, a.reason(), " [", a.fields(), "]")
			if want := fmt.Sprint(c.http, c.reason, " [", c.fields, "]"); got != want {
				t.Errorf("got %s, want %s: %s", got, want, w.Body)
			}
			if f.last != nil {
				t.Errorf("a refused request reached the service: %v", f.last)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Type": "application/json", "Content-Language": "zh-CN"} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if len(w.Header().Get("X-Request-Id")) != 32 {
				t.Errorf("X-Request-Id is %q", w.Header().Get("X-Request-Id"))
			}
		})
	}
}

func TestAllowNamesTheMethods(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	for target, want := range map[string]string{
		"/v1/units": "GET, HEAD, POST", "/v1/units/a": "GET, HEAD, PATCH", "/v1/roleGrants/a": "DELETE, GET, HEAD", "/v1/units/a:move": "POST",
	} {
		if got := ask(h, "PUT", target, "{}").Header().Get("Allow"); got != want {
			t.Errorf("Allow of %s is %q, want %q", target, got, want)
		}
	}
}

func TestRefusalsSpeakTheCallersLanguage(t *testing.T) {
	h, _ := start(t, &fake{}, Options{MaxBody: 100})
	for _, c := range []struct{ accept, target, body, locale, message, field string }{
		{"", "/v1/units", `{"kind":"X"}`, "zh-CN", "请求中有字段不符合要求，请按所列字段改正。", "应为以下之一：KIND_NATION"},
		{"fr, *;q=0.1", "/v1/units", `{"kind":"X"}`, "zh-CN", "请求中有字段不符合要求，请按所列字段改正。", "应为以下之一：KIND_NATION"},
		{"en-GB;q=0.4, zh-TW;q=0.9", "/v1/units", `{"kind":"X"}`, "zh-CN", "请求中有字段不符合要求，请按所列字段改正。", "应为以下之一：KIND_NATION"},
		{"en-GB, zh;q=0.9", "/v1/units", `{"kind":"X"}`, "en", "The request has invalid fields: correct those listed.", "must be one of KIND_NATION"},
		{"en", "/v1/x", ``, "en", "There is no such method of the API: see /docs/.", ""},
		{"zh", "/v1/x", ``, "zh-CN", "没有此接口，请查阅接口文档 /docs/。", ""},
		{"zh", "/v1/units", strings.Repeat(" ", 101), "zh-CN", "请求正文超过 100 字节的上限，请拆分后重试。", "不得超过 100 字节"},
		{"en", "/v1/units", strings.Repeat(" ", 101), "en", "The request body exceeds 100 bytes: part it and repeat.", "must have at most 100 bytes"},
		{"zh", "/v1/units", "[1]", "zh-CN", "请求正文无法解析：应为 JSON 对象。", "应为 JSON 对象"},
		{"en", "/v1/units/a?updateMask=displayName,colour", "{}", "en", "The request has invalid fields: correct those listed.", `there is no field "colour"`},
		{"zh", "/v1/units/a?updateMask=displayName,colour", "{}", "zh-CN", "请求中有字段不符合要求，请按所列字段改正。", `没有字段 "colour"`},
		{"en", "/v1/units", "[1]", "en", "The request body cannot be read: it must be a JSON object.", "it must be a JSON object"},
	} {
		method := "POST"
		if strings.Contains(c.target, "updateMask") {
			method = "PATCH"
		}
		a := decode(t, ask(h, method, c.target, c.body, "Accept-Language: "+c.accept))
		locale, message := a.localized()
		if locale != c.locale || message != c.message {
			t.Errorf("%q %s: got %s %q, want %s %q", c.accept, c.target, locale, message, c.locale, c.message)
		}
		for _, d := range a.Details {
			for _, v := range d.FieldViolations {
				if v.LocalizedMessage.Locale != c.locale || !strings.HasPrefix(v.LocalizedMessage.Message, c.field) || c.field == "" {
					t.Errorf("%q: the field says %+v, want %q", c.accept, v, c.field)
				}
			}
		}
	}
}

func TestProblemJSON(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	w := ask(h, "POST", "/v1/units", `{"codes":[{"scheme":1}]}`, "Accept: application/problem+json, application/json;q=0.5",
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	want := `{"type":"/docs/errors#FIELDS_INVALID","title":"Bad Request","status":400,"detail":"请求中有字段不符合要求，请按所列字段改正。",` +
		`"reason":"FIELDS_INVALID","errors":[{"field":"unit.codes[0].scheme","detail":"应为字符串","reason":"type"}],` +
		`"requestId":"0af7651916cd43dd8448eb211c80319c"}`
	if got := w.Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
}
