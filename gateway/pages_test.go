package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
)

func TestPages(t *testing.T) {
	h, healthy := start(t, &fake{}, Options{})
	for target, want := range map[string]string{
		"/openapi.json": `"openapi": "3.0.3"`, "/docs/": "swagger-ui-bundle.js", "/docs/swagger-ui-bundle.js": "", "/docs/swagger-ui.css": "",
		"/developers/zh/errors": `id="ETAG_STALE"`, "/developers/style.css": "body", "/healthz": "alive", "/readyz": `"organization":"SERVING"`,
	} {
		w := ask(h, "GET", target, "")
		if w.Code != http.StatusOK || w.Body.Len() == 0 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, %d bytes", target, w.Code, w.Body.Len())
		}
	}
	for target, to := range map[string]string{
		"/": "/developers/zh/", "/developers": "/developers/zh/", "/developers/": "/developers/zh/", "/docs": "/docs/", "/docs/errors": "/developers/zh/errors",
	} {
		if w := ask(h, "GET", target, ""); w.Code != http.StatusFound || w.Header().Get("Location") != to {
			t.Errorf("%s: %d to %s, want %s", target, w.Code, w.Header().Get("Location"), to)
		}
	}
	if w := ask(h, "GET", "/", "", "Accept-Language: fr, en;q=0.8"); w.Header().Get("Location") != "/developers/en/" {
		t.Errorf("who prefers English is led to %s", w.Header().Get("Location"))
	}
	for _, target := range []string{"/docs/../v1/units", "/docs//x", "/docs/%2e%2e/x", "/openapi.json/", "/docs/nothing.js"} {
		if w := ask(h, "GET", target, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	healthy.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	if w := ask(h, "GET", "/readyz", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"feed":"NOT_SERVING"`) {
		t.Errorf("/readyz: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("/healthz: %d", w.Code)
	}
}

func TestReadyNamesWhoDoesNotAnswer(t *testing.T) {
	conn := connect(t, grpc.NewServer())
	h, err := Handler(t.Context(), All(conn), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(h, "GET", "/readyz", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"organization":"UNREACHABLE"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestMissingBackendIsAnError(t *testing.T) {
	conn := connect(t, grpc.NewServer())
	backends := All(conn)
	backends.Feed = nil
	if _, err := Handler(t.Context(), backends, Options{}); err == nil || !strings.Contains(err.Error(), "feed") {
		t.Errorf("got %v", err)
	}
}

func TestDocsLoadNothingFromElsewhere(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	w := ask(h, "GET", "/docs/", "")
	external := regexp.MustCompile(`(?i)(src|href|action)\s*=\s*["']?(https?:)?//`)
	if found := external.FindString(w.Body.String()); found != "" {
		t.Errorf("Swagger UI loads %s", found)
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "connect-src 'self';") || strings.Contains(csp, "http") {
		t.Errorf("Swagger UI may load: %s", csp)
	}
	if !strings.Contains(w.Body.String(), `validatorUrl: null`) {
		t.Error("Swagger UI asks its validator")
	}
}

// TestErrorsPageIsWhole compares the page with the enums, which it reads by
// another way: through the contracts of the services linked in.
func TestErrorsPageIsWhole(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	page := ask(h, "GET", "/developers/en/errors", "").Body.String()
	seen := map[string]bool{}
	for _, e := range problem.Catalogue() {
		if seen[e.Reason] {
			t.Errorf("the reason %s is declared twice", e.Reason)
		}
		seen[e.Reason] = true
		if e.Text.Zh == "" || e.Text.En == "" || e.HTTP < 400 {
			t.Errorf("%s is told incompletely: %+v", e.Reason, e)
		}
	}
	for _, service := range contracts(t) {
		reasons := service.ParentFile().Enums().ByName("Reason")
		for i := 1; reasons != nil && i < reasons.Values().Len(); i++ {
			reason := strings.TrimPrefix(string(reasons.Values().Get(i).Name()), "REASON_")
			if !strings.Contains(page, `id="`+reason+`"`) {
				t.Errorf("the page lacks %s", reason)
			}
		}
	}
}

func contracts(t *testing.T) []protoreflect.ServiceDescriptor {
	t.Helper()
	var all []protoreflect.ServiceDescriptor
	for _, s := range (Backends{}).services() {
		contract, err := s.contract()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, contract)
	}
	return all
}

var variables = regexp.MustCompile(`\{[^}]*\}|\*`)

// TestOpenAPIMatches compares openapi.json with the contract: the same methods at
// the same paths, both ways.
func TestOpenAPIMatches(t *testing.T) {
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	for path, item := range document.Paths {
		for method, operation := range item {
			got[strings.ToUpper(method)+" "+variables.ReplaceAllString(path, "*")] = operation.OperationID
		}
	}
	table, err := route.New(contracts(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table.All() {
		path := r.Template
		for _, variable := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(path, -1) {
			_, pattern, _ := strings.Cut(strings.Trim(variable, "{}"), "=")
			path = strings.Replace(path, variable, pattern, 1)
		}
		want[r.Method+" "+path] = fmt.Sprintf("%s_%s", r.Call.Parent().Name(), r.Call.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("make openapi (-contract +document):\n%s", diff)
	}
	if len(want) < 30 {
		t.Errorf("the contract has only %d routes: %v", len(want), slices.Sorted(maps.Keys(want)))
	}
}

// TestOpenAPISaysWhatTheContractDemands looks at one of each kind of thing that
// the document gets from the contract's options.
func TestOpenAPISaysWhatTheContractDemands(t *testing.T) {
	var document any
	if err := json.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	units, unit := "paths//v1/units", "components/schemas/duban.organization.v1.Unit/properties"
	for at, want := range map[string]string{
		unit + "/displayName/maxLength":                                      "120",
		unit + "/displayName/minLength":                                      "1",
		unit + "/codes/maxItems":                                             "16",
		unit + "/labels/additionalProperties/maxLength":                      "64",
		unit + "/parent/pattern":                                             "^$|^units/[a-z0-9][a-z0-9-]{0,62}$",
		unit + "/kind/enum/0":                                                "KIND_NATION",
		"components/schemas/duban.feed.v1.Checkpoint/properties/size/format": "uint64",
		// portals are told of no persons, and so of an empty team
		"components/schemas/duban.rectification.v1.Inspection/properties/team/minItems":         "<nil>",
		"components/schemas/duban.rectification.v1.Inspection/properties/team/x-duban-minItems": "1",
		"components/schemas/duban.feed.v1.Checkpoint/properties/root/format":                    "byte",
		"components/schemas/duban.clock.v1.SetClockRequest/required/0":                          "now",
		units + "/post/x-duban-roles/0":                                                         "ROLE_SYSTEM_ADMIN",
		units + "/post/x-duban-scope":                                                           "SCOPE_ANY",
		units + "/post/x-duban-event":                                                           "unit.created",
		units + "/post/summary":                                                                 "Creates a unit beneath another (新建单位)",
		units + "/post/responses/409/$ref":                                                      "#/components/responses/409",
		units + "/get/parameters/2/schema/minimum":                                              "0",
		units + "/{unit}/get/parameters/0/schema/pattern":                                       "^[a-z0-9][a-z0-9-]{0,62}$",
		units + "/{unit}/patch/responses/412/$ref":                                              "#/components/responses/412",
		"paths//v1/clock/get/security":                                                          "[]",
		"security/0/bearer":                                                                     "[]",
		"components/responses/401/content/application/problem+json/schema/$ref":                 "#/components/schemas/Problem",
	} {
		if got := fmt.Sprint(look(document, at)); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	for _, header := range []string{"IdempotencyKey", "IfMatch"} {
		if text := fmt.Sprint(look(document, units+"/{unit}/patch/parameters")); !strings.Contains(text, "parameters/"+header) {
			t.Errorf("an update lacks %s: %s", header, text)
		}
	}
}

// look follows a path of keys and indexes, taking the longest key that fits, as
// paths of the API hold slashes.
func look(value any, at string) any {
	switch v := value.(type) {
	case map[string]any:
		for end := len(at); end > 0; end = strings.LastIndexByte(at[:end], '/') {
			if inner, ok := v[at[:end]]; ok {
				return look(inner, strings.TrimPrefix(at[end:], "/"))
			}
		}
	case []any:
		index, rest, _ := strings.Cut(at, "/")
		if i, err := strconv.Atoi(index); err == nil && i < len(v) {
			return look(v[i], rest)
		}
	}
	if at != "" {
		return nil
	}
	return value
}
