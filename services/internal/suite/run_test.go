package suite

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/web"
)

// TestReadinessNamesTheRoles that it is about, and what they do.
func TestReadinessNamesTheRoles(t *testing.T) {
	s, err := sandboxIn(t, t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.operators().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	var said struct {
		Status string
		Roles  []string
	}
	if err := json.NewDecoder(w.Body).Decode(&said); err != nil || w.Code != http.StatusServiceUnavailable || said.Status != "NOT_SERVING" || !slices.Equal(said.Roles, Roles()) {
		t.Errorf("before it serves: %d %+v, %v", w.Code, said, err)
	}
}

// TestServicesHaveChineseNames, by which officials read that one cannot be reached.
func TestServicesHaveChineseNames(t *testing.T) {
	chinese := metadata.NewIncomingContext(t.Context(), metadata.Pairs("accept-language", "zh-CN"))
	for _, role := range Called() {
		if said := fault.As(serve.Unreachable(chinese, role)).Chinese(); strings.Contains(said, role) || strings.HasPrefix(said, "服务") {
			t.Errorf("%s: %s", role, said)
		}
	}
}

// TestTooMuchIsRefusedLikeAnythingElse: with a reason, in both languages, although
// net/http has a limit of its own and plain text for it.
func TestTooMuchIsRefusedLikeAnythingElse(t *testing.T) {
	s, err := sandboxIn(t, t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Handler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = web.Bounded(h)
	server.Start()
	defer server.Close()
	long := strings.Repeat("a", 60<<10)
	for name, c := range map[string]struct {
		query, header string
		want          int
	}{
		"headers": {"", long, http.StatusRequestHeaderFieldsTooLarge},
		"address": {"?filter=" + long, "", http.StatusRequestURITooLong},
		"both":    {"?filter=" + long, long, http.StatusRequestURITooLong},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v1/units"+c.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept-Language", "en")
			req.Header.Set("X-Large", c.header)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			var said struct{ Message string }
			if err := json.NewDecoder(res.Body).Decode(&said); err != nil || res.StatusCode != c.want || res.Header.Get("Content-Language") != "en" || said.Message == "" {
				t.Errorf("answered %s %v: %q, %v", res.Status, res.Header, said.Message, err)
			}
		})
	}
}
