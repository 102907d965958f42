package gateway

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestAddressesGoOnHiddenAndFromTrustedProxiesAlone(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{
		Network:        func(a netip.Addr) string { return "hidden " + a.String() },
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	})
	for _, x := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:9", "", "192.0.2.1"},
		{"192.0.2.1:9", "198.51.100.7", "192.0.2.1"}, // who is not trusted says what it likes
		{"10.0.0.1:9", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:9", "203.0.113.5, 198.51.100.7", "198.51.100.7"}, // before the proxy anybody may have added
		{"10.0.0.1:9", "198.51.100.7, 10.0.0.2", "198.51.100.7"},
		{"10.0.0.1:9", "x, 10.0.0.2", "10.0.0.2"},
		{"10.0.0.1:9", "", "10.0.0.1"},
		{"[::1]:9", "2001:db8::5", "2001:db8::5"},
		{"[::ffff:10.0.0.1]:9", "198.51.100.7", "198.51.100.7"},
	} {
		f.reset(nil)
		r := httptest.NewRequest("GET", "/v1/units/a", nil)
		r.RemoteAddr = x.peer
		for _, name := range []string{"Duban-Network", "Grpc-Metadata-Duban-Network"} {
			r.Header.Set(name, "forged")
		}
		if x.forwarded != "" {
			r.Header.Set("X-Forwarded-For", x.forwarded)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got := f.md.Get(networkHeader); len(got) != 1 || got[0] != "hidden "+x.want {
			t.Errorf("%s forwarding for %q: the services hear %q, want %s", x.peer, x.forwarded, got, x.want)
		}
		if got := f.md.Get(addressHeader); len(got) > 0 {
			t.Errorf("the address of the public goes on: %q", got)
		}
	}
}

func TestAnAddressGoesOnWithAKeyAlone(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{Network: func(netip.Addr) string { return "hidden" }})
	for _, x := range []struct{ authorization, want string }{
		{"Bearer duban_k_s", "192.0.2.1"},
		{"bearer dubansandbox_k_s", "192.0.2.1"},
		{"Bearer a.b.c", ""},
		{"Basic YTpi", ""},
		{"", ""},
	} {
		f.reset(nil)
		r := httptest.NewRequest("GET", "/v1/units/a", nil)
		r.RemoteAddr = "192.0.2.1:9"
		r.Header.Set("Duban-Address", "198.51.100.7")
		r.Header.Set("Grpc-Metadata-Duban-Address", "198.51.100.7")
		if x.authorization != "" {
			r.Header.Set("Authorization", x.authorization)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got := strings.Join(f.md.Get(addressHeader), " "); got != x.want {
			t.Errorf("%q: the services hear %q, want %q", x.authorization, got, x.want)
		}
	}
}
