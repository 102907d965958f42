package suite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/duban-project/duban/services/internal/address"
)

// listener is a key of the configuration, and where it lets the process listen.
type listener struct{ key, address string }

// apart says which listeners are told to share an address: those of the sandbox too, which
// runs beside.
func (c *Config) apart() error {
	return shared(listener{"http", c.HTTP}, listener{"grpc", c.GRPC}, listener{"metrics", c.Metrics},
		listener{"peers.listen", c.Peers.Listen}, listener{"federation.listen", c.Federation.Listen},
		listener{"sandbox.http", c.Sandbox.HTTP}, listener{"sandbox.grpc", c.Sandbox.GRPC})
}

func shared(all ...listener) error {
	var mistakes []error
	for i, l := range all {
		for _, before := range all[:i] {
			if address.Meet(l.address, before.address) {
				mistakes = append(mistakes, fmt.Errorf("%s: %s and %s cannot both listen at port %s", l.key, before.key, l.key, l.address[strings.LastIndexByte(l.address, ':')+1:]))
			}
		}
	}
	return errors.Join(mistakes...)
}
