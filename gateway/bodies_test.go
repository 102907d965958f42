package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// long is a body beyond what is read of strangers.
func long() string { return `{"displayName":"` + strings.Repeat("a", 2*aside) + `"}` }

func TestWhoSendsMuchIsAskedFirst(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	if w := ask(h, "POST", "/v1/units", long(), "Authorization: Bearer nonsense"); w.Code != http.StatusUnauthorized || f.last != nil {
		t.Errorf("a stranger: %d, %v", w.Code, f.last)
	}
	if w := ask(h, "POST", "/v1/units", `{"displayName":"a"}`, "Authorization: Bearer nonsense"); w.Code != http.StatusOK {
		t.Errorf("a short body is for the service to refuse: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/v1/units", long(), "Authorization: Bearer k"); w.Code != http.StatusOK || f.last == nil {
		t.Errorf("whoever is known: %d %s", w.Code, w.Body)
	}
}

// Bodies that do not end make the gateway hold no more than it may, whoever sends them,
// and what was held is free once they are over.
func TestBodiesAreHeldUpToABound(t *testing.T) {
	const strangers, known = 4, 3 // as many as there is room for
	var ends []io.Closer
	var all sync.WaitGroup
	h, _ := start(t, &fake{}, Options{MaxBodies: 4 * strangers * aside})
	hang := func(length int64, sent string) {
		r, w := io.Pipe()
		ends = append(ends, w)
		all.Go(func() {
			req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/units", r)
			req.ContentLength = length
			req.Header.Set("Content-Type", "application/json")
			h.ServeHTTP(httptest.NewRecorder(), req)
		})
		if _, err := fmt.Fprint(w, sent); err != nil { // returns once it is read
			t.Fatal(err)
		}
	}
	overloaded := func(body string) bool {
		t.Helper()
		w := ask(h, "POST", "/v1/units", body, "Authorization: Bearer k")
		return w.Code == http.StatusTooManyRequests && strings.Contains(w.Body.String(), "SERVER_OVERLOADED") && w.Header().Get("Retry-After") != ""
	}
	end := func() {
		for _, e := range ends {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
		all.Wait()
		ends = nil
	}
	short := `{"displayName":"a"}`
	for range strangers {
		hang(aside, "{")
	}
	if w := ask(h, "POST", "/v1/units", short, "Authorization: Bearer nonsense"); w.Code != http.StatusUnauthorized {
		t.Errorf("strangers hold more than they may: %d", w.Code)
	}
	if w := ask(h, "POST", "/v1/complaints:submit", "{}"); w.Code != http.StatusTooManyRequests {
		t.Errorf("the public holds more than it may: %d %s", w.Code, w.Body)
	}
	if overloaded(short) {
		t.Error("strangers keep out who is known")
	}
	end()
	for range known {
		hang(6*aside, strings.Repeat(" ", aside)+"{") // five beyond the first
	}
	if !overloaded(long()) || overloaded(short) {
		t.Error("those who are known hold more than they may, or keep others from short bodies")
	}
	end()
	if overloaded(long()) || overloaded(short) {
		t.Error("what was held is not free")
	}
}

// What bodies become is bounded too, however short they are: who is known waits for a turn,
// a stranger is asked first, and what was held is free once it is answered.
func TestValuesAreDecodedUpToABound(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	b := h.(*front).api.bodies
	many := `{"units":[` + strings.Repeat("{},", slight) + `{}]}`
	known, stranger := "Authorization: Bearer k", "Authorization: Bearer nonsense"
	code := func(path, body, who string) int { return ask(h, "POST", path, body, who).Code }
	if got := code("/v1/units", many, known); got != http.StatusBadRequest {
		t.Errorf("whoever is known: %d", got)
	}
	if got := code("/v1/units", many, stranger); got != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", got)
	}
	if !b.values.TryAcquire(dense) {
		t.Fatal("what was held is not free")
	}
	b.turn = time.Millisecond
	if w := ask(h, "POST", "/v1/units", many, known); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("beyond the bound: %d %s", w.Code, w.Body)
	}
	if got := code("/v1/units", `{"displayName":"a"}`, known); got != http.StatusOK {
		t.Errorf("a short one waits for nothing: %d", got)
	}
	if got := code("/v1/complaints:submit", many, ""); got != http.StatusTooManyRequests {
		t.Errorf("the public: %d", got)
	}
}
