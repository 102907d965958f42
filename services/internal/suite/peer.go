package suite

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/internal/authn"
)

// addressed notes where each request comes from, for the limits on wrong keys
// and for nothing else: no log, trace or answer has it.
func addressed(next http.Handler, proxies []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(authn.WithPeer(r.Context(), client(r, proxies))))
	})
}

// client is the address that a request comes from: the connection's or, if that
// is a proxy's, the last in X-Forwarded-For that is not. What stands before it
// anyone can have written.
func client(r *http.Request, proxies []netip.Prefix) netip.Addr {
	own, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero Addr if it has none
	at := own.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil || !within(at, proxies) {
			return at
		}
		at = before.Unmap()
	}
	return at
}

func within(at netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(at) })
}
