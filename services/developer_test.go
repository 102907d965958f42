package services_test

import (
	"context"
	"fmt"
	"html"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	rpc "google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// valid is all services at once: it holds requests against the contract and
// answers with nothing.
type valid struct {
	rpc.ClientConnInterface
	t     *testing.T
	calls map[string]bool
}

// Invoke implements grpc.ClientConnInterface.
func (v valid) Invoke(_ context.Context, method string, req, _ any, _ ...rpc.CallOption) error {
	message, ok := req.(protoreflect.ProtoMessage)
	if !ok {
		return fmt.Errorf("%s is called with %T", method, req)
	}
	v.calls[method] = true
	if err := protovalidate.Validate(message); err != nil {
		v.t.Errorf("%s: %v", method, err)
	}
	return nil
}

var commands = regexp.MustCompile(`(?s)<pre>(curl .*?)</pre>`)

// TestEveryCurlIsAValidRequest makes every request that the page of calls shows:
// the gateway takes it and the contract has nothing against it.
func TestEveryCurlIsAValidRequest(t *testing.T) {
	services := valid{t: t, calls: map[string]bool{}}
	h, err := gateway.Handler(t.Context(), gateway.All(services), gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewRecorder()
	h.ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), "GET", "/developers/zh/calls", nil))
	found := commands.FindAllStringSubmatch(page.Body.String(), -1)
	for _, command := range found {
		text := html.UnescapeString(command[1])
		w := httptest.NewRecorder()
		h.ServeHTTP(w, suitetest.Curl(t, text, map[string]string{"BASE": "http://duban", "KEY": "duban_a_b"}))
		if w.Code != 200 {
			t.Errorf("%s\nis answered with %d %s", text, w.Code, strings.TrimSpace(w.Body.String()))
		}
	}
	if len(found) < 150 || len(services.calls) != len(found) {
		t.Errorf("%d commands make %d different calls", len(found), len(services.calls))
	}
}

// TestFormsSpeakTheLanguageOfTheirPage: words and marks are those of the language,
// but for columns that have another by their heading.
func TestFormsSpeakTheLanguageOfTheirPage(t *testing.T) {
	told := func() (gateway.Reference, error) { return gateway.Reference{Forms: reports.Forms()}, nil }
	h, err := gateway.Handler(t.Context(), gateway.All(valid{t: t, calls: map[string]bool{}}), gateway.Options{Reference: told})
	if err != nil {
		t.Fatal(err)
	}
	for language, words := range map[string][]string{
		"en": {"monthly (<code>RHYTHM_MONTHLY</code>)", "school district (<code>SCHOOL_DISTRICT</code>)", "stock (<code>KIND_STOCK</code>)", "by leave of the superior"},
		"zh": {"月报 (<code>RHYTHM_MONTHLY</code>)", "学区 (<code>SCHOOL_DISTRICT</code>)", "存量 (<code>KIND_STOCK</code>)", "须上级准予补报"},
	} {
		page := httptest.NewRecorder()
		h.ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), "GET", "/developers/"+language+"/forms", nil))
		for _, word := range words {
			if !strings.Contains(page.Body.String(), word) {
				t.Errorf("%s: %q is missing", language, word)
			}
		}
		prose := cells.ReplaceAllString(page.Body.String(), "")
		if i := strings.IndexAny(prose, "；。，、：（）"); language == "en" && i >= 0 {
			t.Errorf("the English page has %q", prose[max(i-60, 0):i+3])
		}
	}
}

var cells = regexp.MustCompile(`(?s)<td>.*?</td>`)
