package rest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
)

// serve answers with what answer writes, and keeps the requests.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter)) (*Client, *[]*http.Request) {
	t.Helper()
	var got []*http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r)
		answer(len(got), w)
	}))
	c := New(s.URL, 1)
	t.Cleanup(func() { c.Close(); s.Close() })
	return c, &got
}

func TestTriesAgainWithTheSameKey(t *testing.T) {
	c, got := serve(t, func(n int, w http.ResponseWriter) {
		if n < 3 {
			w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[n-1])
			return
		}
		_, _ = w.Write([]byte(`{"simulated":true}`))
	})
	out := &clockv1.Clock{}
	if err := c.As("k").Post(t.Context(), "/v1/clock:set", &clockv1.SetClockRequest{}, out); err != nil || !out.GetSimulated() {
		t.Fatalf("%v, %v", out, err)
	}
	if len(*got) != 3 || c.Calls() != 3 {
		t.Fatalf("%d requests, %d calls, want 3", len(*got), c.Calls())
	}
	first := (*got)[0].Header
	if first.Get("Idempotency-Key") == "" || first.Get("Authorization") != "Bearer k" {
		t.Errorf("the first request has the headers %v", first)
	}
	for _, r := range *got {
		if r.Header.Get("Idempotency-Key") != first.Get("Idempotency-Key") {
			t.Error("a try again has another Idempotency-Key")
		}
	}
}

func TestRefusal(t *testing.T) {
	c, got := serve(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"code":7,"details":[{"@type":"x","reason":"ACCESS_DENIED"}]}`))
	})
	err := c.As("secret").IfMatch("7").Patch(t.Context(), "/v1/x", &clockv1.SetClockRequest{}, &clockv1.Clock{})
	var r *Refusal
	if !errors.As(err, &r) || r.Status != http.StatusForbidden || r.Reason != "ACCESS_DENIED" || r.Method != http.MethodPatch {
		t.Fatalf("%#v", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Error("the refusal shows the key")
	}
	if len(*got) != 1 || (*got)[0].Header.Get("If-Match") != `"7"` {
		t.Errorf("%d requests, If-Match %q", len(*got), (*got)[0].Header.Get("If-Match"))
	}
}

// TestTwoChangesHaveTwoKeys: a request id stands for one change.
func TestTwoChangesHaveTwoKeys(t *testing.T) {
	c, got := serve(t, func(_ int, w http.ResponseWriter) { _, _ = w.Write([]byte(`{}`)) })
	a := c.As("")
	for range 2 {
		if err := a.Post(t.Context(), "/v1/x", nil, &clockv1.Clock{}); err != nil {
			t.Fatal(err)
		}
	}
	if (*got)[0].Header.Get("Idempotency-Key") == (*got)[1].Header.Get("Idempotency-Key") {
		t.Error("two changes have one key")
	}
	if err := a.Get(t.Context(), "/v1/x", &clockv1.Clock{}); err != nil || (*got)[2].Header.Get("Idempotency-Key") != "" {
		t.Errorf("reading: %v, with the key %q", err, (*got)[2].Header.Get("Idempotency-Key"))
	}
}
