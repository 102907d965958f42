package services_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// rest calls over HTTP, as google.api.http says.
type rest struct {
	base   string
	client *http.Client
}

func newREST(t *testing.T, base string) rest {
	transport := &http.Transport{MaxIdleConnsPerHost: crew}
	t.Cleanup(transport.CloseIdleConnections)
	return rest{base, &http.Client{Transport: transport}}
}

func (r rest) call(ctx context.Context, m method, key string, req protobuf.Message) (answer, error) {
	out, err := r.render(ctx, m, req)
	if err != nil {
		return answer{}, fmt.Errorf("writing %s as REST: %w", m.full, err)
	}
	if key != "" {
		out.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := r.client.Do(out)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	code, err := codeOf(res.StatusCode, body)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", out.Method, out.URL, err)
	}
	for _, changing := range []string{"Date", "X-Request-Id", "Traceparent", "Ratelimit", "Ratelimit-Policy"} {
		res.Header.Del(changing)
	}
	told := fmt.Sprintf("%s\n%v\n%s", res.Status, res.Header, body) // in the order of the keys
	return answer{over: "REST", code: code, told: told, text: func() string { return string(body) }}, res.Body.Close()
}

// statuses are the HTTP statuses of the answers that matter here.
var statuses = map[int]codes.Code{
	http.StatusUnauthorized: codes.Unauthenticated, http.StatusForbidden: codes.PermissionDenied, http.StatusNotFound: codes.NotFound,
}

// codeOf reads the code from an answer, of which status and body must agree.
func codeOf(status int, body []byte) (codes.Code, error) {
	if status == http.StatusOK {
		return codes.OK, nil
	}
	var refusal struct{ Code codes.Code }
	if err := json.Unmarshal(body, &refusal); err != nil {
		return 0, fmt.Errorf("status %d: %w", status, err)
	}
	for s, c := range statuses {
		if (s == status) != (c == refusal.Code) {
			return 0, fmt.Errorf("status %d goes with %s", status, body)
		}
	}
	return refusal.Code, nil
}

var variable = regexp.MustCompile(`\{([a-z_.]+)(=[^}]*)?\}`)

// render writes a request as HTTP: what the path names into the path, what the
// body names into the body, and the rest into the query.
func (r rest) render(ctx context.Context, m method, req protobuf.Message) (*http.Request, error) {
	req = protobuf.Clone(req)
	path := variable.ReplaceAllStringFunc(m.path, func(v string) string {
		return take(req.ProtoReflect(), variable.FindStringSubmatch(v)[1])
	})
	body, err := takeBody(req.ProtoReflect(), m.body)
	if err != nil {
		return nil, err
	}
	query, err := parameters(req)
	if err != nil {
		return nil, err
	}
	out, err := http.NewRequestWithContext(ctx, m.verb, r.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.URL.RawQuery = query.Encode()
	if len(body) > 0 {
		out.Header.Set("Content-Type", "application/json")
	}
	return out, nil
}

// take removes the field at the path from m and returns what it held.
func take(m protoreflect.Message, path string) string {
	first, rest, deeper := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(first))
	if deeper {
		return take(m.Mutable(f).Message(), rest)
	}
	defer m.Clear(f)
	return m.Get(f).String()
}

// takeBody removes from m what goes into the body, and returns it as JSON.
func takeBody(m protoreflect.Message, field string) ([]byte, error) {
	if field == "" {
		return nil, nil
	}
	if field == "*" {
		body, err := protojson.Marshal(m.Interface())
		protobuf.Reset(m.Interface())
		return body, err
	}
	f := m.Descriptor().Fields().ByName(protoreflect.Name(field))
	defer m.Clear(f)
	return protojson.Marshal(m.Get(f).Message().Interface())
}

// parameters writes what is set in m as a query.
func parameters(m protobuf.Message) (url.Values, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	query := url.Values{}
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	flatten(query, "", object)
	return query, nil
}

func flatten(query url.Values, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			flatten(query, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		for _, inner := range v {
			flatten(query, path, inner)
		}
	default:
		query.Add(path, fmt.Sprint(v))
	}
}
