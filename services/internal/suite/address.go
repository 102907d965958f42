package suite

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// isAddress says whether text is host:port, the port a number. The host may be
// empty where one listens: all of the machine's.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// listens says the same of where a process listens, which may be nowhere.
func listens(text string) bool { return text == "" || isAddress(text) }

// listener is a key of the configuration, and where it lets the process listen.
type listener struct{ key, address string }

// apart says which listeners of one process are told to share an address.
func (c *Config) apart() error {
	return errors.Join(
		shared(listener{"http", c.HTTP}, listener{"grpc", c.GRPC}, listener{"metrics", c.Metrics},
			listener{"peers.listen", c.Peers.Listen}, listener{"federation.listen", c.Federation.Listen}),
		shared(listener{"sandbox.http", c.Sandbox.HTTP}, listener{"sandbox.grpc", c.Sandbox.GRPC}),
	)
}

func shared(all ...listener) error {
	var mistakes []error
	for i, l := range all {
		for _, before := range all[:i] {
			if meet(l.address, before.address) {
				mistakes = append(mistakes, fmt.Errorf("%s: %s and %s cannot both listen at port %s", l.key, before.key, l.key, l.address[strings.LastIndexByte(l.address, ':')+1:]))
			}
		}
	}
	return errors.Join(mistakes...)
}

// meet says whether only one of two can listen: on one port, on one address of the
// machine or on all. Port 0 is any that is free.
func meet(a, b string) bool {
	if !isAddress(a) || !isAddress(b) {
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

// checkOrigins says which origins no browser would ever send.
func checkOrigins(origins []string) error {
	var mistakes []error
	for _, o := range origins {
		if o == "*" && len(origins) > 1 {
			mistakes = append(mistakes, errors.New(`allowed_origins: "*" must stand alone: it allows the others too`))
		} else if o != "*" && !isOrigin(o) {
			mistakes = append(mistakes, fmt.Errorf(`allowed_origins: must be "*" or like https://portal.example, not %q`, o))
		}
	}
	return errors.Join(mistakes...)
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && text == u.Scheme+"://"+u.Host
}

func checkProxies(networks []netip.Prefix) error {
	for _, n := range networks {
		if !n.IsValid() {
			return errors.New("trusted_proxies: must be networks such as 10.0.0.0/8")
		}
	}
	return nil
}
