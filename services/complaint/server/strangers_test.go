package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// stranger looks a receipt up without a key, from a network.
func stranger(t *testing.T, s *suitetest.Suite, from string) *http.Response {
	t.Helper()
	body := strings.NewReader(`{"receipt":"AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AA"}`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTP+"/v1/receipts:lookup", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", from)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return answer
}

// TestOneStrangerShutsTheOthersNotOut: a network (/64 of IPv6) has its part of what the
// public has.
func TestOneStrangerShutsTheOthersNotOut(t *testing.T) {
	s := suitetest.RunAs(t, t.TempDir(), func(c *suite.Config) { c.Limits.Rate, c.Limits.Burst = 1e-4, 16 }) // none comes back meanwhile
	for _, c := range []struct {
		from   string
		served bool
	}{
		{"192.0.2.1", true}, {"192.0.2.1", true}, {"192.0.2.1", false}, {"192.0.2.1", false}, {"192.0.2.2", true},
		{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::3", false}, {"2001:db8:0:1::1", true},
	} {
		answer := stranger(t, s, c.from)
		if served := answer.StatusCode != http.StatusTooManyRequests; served != c.served || served == (answer.Header.Get("Retry-After") != "") {
			t.Errorf("from %s: %s, repeat after %q", c.from, answer.Status, answer.Header.Get("Retry-After"))
		}
		if told := answer.Header.Get("RateLimit"); !strings.HasPrefix(told, `"network";r=`) || !strings.Contains(told, `, "calls";r=`) {
			t.Errorf("from %s is told %q", c.from, told)
		}
	}
	for range 2 * 16 {
		stranger(t, s, "192.0.2.1")
	}
	if answer := stranger(t, s, "192.0.2.9"); answer.StatusCode == http.StatusTooManyRequests {
		t.Errorf("another network: %s", answer.Status)
	}
}
