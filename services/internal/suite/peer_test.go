package suite

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/duban-project/duban/services/internal/authn"
)

func TestWhereARequestComesFrom(t *testing.T) {
	proxies := append(Default().Proxies, netip.MustParsePrefix("10.9.0.0/16"))
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"directly", "10.1.2.3:4", nil, "10.1.2.3"},
		{"pretending to be forwarded", "10.1.2.3:4", []string{"10.7.7.7"}, "10.1.2.3"},
		{"through a proxy", "127.0.0.1:4", []string{"10.1.2.3"}, "10.1.2.3"},
		{"through one of IPv6", "[::1]:4", []string{"2001:db8::1"}, "2001:db8::1"},
		{"through two proxies", "127.0.0.1:4", []string{"10.1.2.3, 10.9.0.1"}, "10.1.2.3"},
		{"through two that write a line each", "127.0.0.1:4", []string{"10.1.2.3", "10.9.0.1"}, "10.1.2.3"},
		{"through a proxy, with a made-up start", "127.0.0.1:4", []string{"10.7.7.7, 10.1.2.3"}, "10.1.2.3"},
		{"through a proxy, with nonsense before it", "127.0.0.1:4", []string{"x, 10.9.0.1"}, "10.9.0.1"},
		{"through a proxy that does not say", "127.0.0.1:4", nil, "127.0.0.1"},
		{"mapped into IPv6", "[::ffff:127.0.0.1]:4", []string{"::ffff:10.1.2.3"}, "10.1.2.3"},
		{"from nowhere", "", nil, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = c.remote, c.forwarded
			var got string
			addressed(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = authn.Peer(r.Context()).String()
			}), proxies).ServeHTTP(httptest.NewRecorder(), r)
			if got != c.want {
				t.Errorf("from %s, want %s", got, c.want)
			}
		})
	}
}
