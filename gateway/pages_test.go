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

// TestPagesComeOnce: who has a page or a file of one is told that it is still the same, and has
// it not sent again; what the API answers is kept by nobody.
func TestPagesComeOnce(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	for _, target := range []string{"/docs/", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/favicon-32x32.png", "/developers/style.css", "/developers/zh/calls", "/openapi.json"} {
		for _, encoding := range []string{"", "gzip, br"} {
			first := ask(h, "GET", target, "", "Accept-Encoding: "+encoding)
			tag := first.Header().Get("ETag")
			if first.Code != http.StatusOK || first.Header().Get("Cache-Control") != "no-cache" || !strings.HasPrefix(tag, `"`) || first.Header().Get("Content-Type") == "" {
				t.Fatalf("%s for %q: %d %v", target, encoding, first.Code, first.Header())
			}
			again := ask(h, "GET", target, "", "Accept-Encoding: "+encoding, "If-None-Match: W/"+tag)
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
				t.Errorf("%s for %q again: %d, %d bytes", target, encoding, again.Code, again.Body.Len())
			}
			if other := ask(h, "GET", target, "", "Accept-Encoding: "+encoding, `If-None-Match: "other"`); other.Code != http.StatusOK || other.Body.Len() != first.Body.Len() {
				t.Errorf("%s for %q, who has another: %d, %d bytes", target, encoding, other.Code, other.Body.Len())
			}
		}
	}
	plain, packed := ask(h, "GET", "/docs/swagger-ui.css", ""), ask(h, "GET", "/docs/swagger-ui.css", "", "Accept-Encoding: gzip")
	if plain.Header().Get("ETag") == packed.Header().Get("ETag") || packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= plain.Body.Len() {
		t.Errorf("packed: %v, %d bytes of %d", packed.Header(), packed.Body.Len(), plain.Body.Len())
	}
	for _, target := range []string{"/v1/units/a", "/healthz", "/readyz", "/v1/nothing"} {
		if got := ask(h, "GET", target, "").Header(); got.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", target, got)
		}
	}
}

// TestWhatIsNoPageIsAProblem, also beneath pages, in the shape that was asked for.
func TestWhatIsNoPageIsAProblem(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	for _, target := range []string{"/docs/nothing.js", "/docs/index.html", "/developers/zh/nothing", "/nothing"} {
		for accept, want := range map[string]string{"": "application/json", "application/problem+json": "application/problem+json"} {
			w := ask(h, "GET", target, "", "Accept: "+accept)
			if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != want || !strings.Contains(w.Body.String(), "ROUTE_UNKNOWN") {
				t.Errorf("%s as %q: %d %s %s", target, accept, w.Code, w.Header().Get("Content-Type"), w.Body)
			}
		}
	}
}

// TestWhatChangesTakesARequestID: what has none cannot be done twice, as its contract says.
func TestWhatChangesTakesARequestID(t *testing.T) {
	without := map[string]string{
		"ClockService_SetClock":          "the same time again changes nothing",
		"OrganizationService_Initialize": "its key is dead afterwards",
		"ComplaintService_LookupReceipt": "it reads",
	}
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []map[string]any
		}
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	changing := 0
	for _, item := range document.Paths {
		for method, call := range item {
			if method == "get" {
				continue
			}
			changing++
			takes := slices.ContainsFunc(call.Parameters, func(p map[string]any) bool { return p["$ref"] == "#/components/parameters/IdempotencyKey" })
			if why := without[call.OperationID]; takes == (why != "") {
				t.Errorf("%s takes a request id: %v (%s)", call.OperationID, takes, why)
			}
		}
	}
	if changing < 90 {
		t.Errorf("only %d calls change anything", changing)
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
	if kind := w.Header().Get("Content-Type"); kind != "text/html; charset=utf-8" {
		t.Errorf("Swagger UI is %s", kind)
	}
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
