package suite

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
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
