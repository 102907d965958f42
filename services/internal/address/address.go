// Package address says what a configuration may give as an address: where a process
// listens or is reached, which of two cannot both be listened at, whose pages and
// proxies are let in. It looks nothing up.
package address

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
)

// Valid says whether text is host:port, the port a number. The host may be empty
// where one listens: all of the machine's.
func Valid(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// Listens says the same of where a process listens, which may be nowhere.
func Listens(text string) bool { return text == "" || Valid(text) }

// Meet says whether only one of two can listen: on one port, on one address of the
// machine or on all. Port 0 is any that is free.
func Meet(a, b string) bool {
	if !Valid(a) || !Valid(b) {
		return false
	}
	one, p := listening(a)
	other, q := listening(b)
	return p == q && p != 0 && (one == other || one == "" || other == "")
}

// listening is where an address lets listen: the host, "" for all, and the port.
func listening(address string) (host string, port uint64) {
	host, text, _ := net.SplitHostPort(address)
	port, _ = strconv.ParseUint(text, 10, 16)
	switch ip, err := netip.ParseAddr(host); {
	case host == "localhost":
		return "127.0.0.1", port
	case err != nil:
		return host, port
	case ip.IsUnspecified():
		return "", port
	default:
		return ip.Unmap().String(), port
	}
}

// Origins says which origins no browser would ever send.
func Origins(origins []string) error {
	var mistakes []error
	for _, o := range origins {
		if o == "*" && len(origins) > 1 {
			mistakes = append(mistakes, errors.New(`allowed_origins: "*" must stand alone: it allows the others too`))
		} else if o != "*" && !isOrigin(o) {
			mistakes = append(mistakes, fmt.Errorf(`allowed_origins: must be "*" or like https://portal.example, in lower case, without wildcards, path or the scheme's own port, not %q`, o))
		}
	}
	return errors.Join(mistakes...)
}

// origin is how browsers write one (RFC 6454, section 6.2): all lower case, other letters
// as Punycode.
var origin = regexp.MustCompile(`^https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?$`)

// isOrigin says whether a browser writes an origin so, which leaves out the scheme's own port.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && origin.MatchString(text) && u.Port() != map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// The shortest prefixes that networks of proxies may have. Those that are wider are nobody's
// own, and a few of them are everybody.
const (
	leastV4 = 8
	leastV6 = 16
)

// Proxies says whether all are networks, and none so wide that strangers are in it: who
// asks would say himself from where.
func Proxies(networks []netip.Prefix) error {
	for _, n := range networks {
		if !n.IsValid() {
			return errors.New("trusted_proxies: must be networks such as 10.0.0.0/8")
		}
		if least := map[bool]int{true: leastV4, false: leastV6}[n.Addr().Is4()]; n.Bits() < least {
			return fmt.Errorf("trusted_proxies: must be the networks of your own proxies, of /%d or longer in IPv4 and of /%d in IPv6, not %s: whoever calls would say which address is theirs", leastV4, leastV6, n)
		}
	}
	return nil
}
