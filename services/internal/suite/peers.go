package suite

import (
	"errors"
	"fmt"
	"slices"

	"github.com/duban-project/duban/services/internal/address"
)

// Peers says how the processes of an installation reach each other, where each
// runs some of the roles. The zero Peers are those of a process that runs all.
type Peers struct {
	// Listen is where this process answers the others; empty: nowhere.
	Listen string `yaml:"listen"`
	// Keys is the folder that has a folder for each role run here, with its
	// certificate and its secrets; empty: the secrets come from the data folder.
	Keys string `yaml:"keys"`
	// Addresses are where other roles listen, by role. Those of roles that run
	// here are not used, so that all processes may have the same list.
	Addresses map[string]string `yaml:"addresses"`
}

// check returns every mistake.
func (p Peers) check() error {
	var mistakes []error
	for role, at := range p.Addresses {
		if !slices.Contains(Roles(), role) || role == Gateway {
			mistakes = append(mistakes, fmt.Errorf("peers.addresses: %s is no role that is called", role))
		}
		if !address.Valid(at) {
			mistakes = append(mistakes, fmt.Errorf("peers.addresses.%s: must be host:port", role))
		}
	}
	if !address.Listens(p.Listen) {
		mistakes = append(mistakes, errors.New("peers.listen: must be host:port"))
	}
	if p.Keys == "" && (p.Listen != "" || len(p.Addresses) > 0) {
		mistakes = append(mistakes, errors.New("peers.keys: processes that reach each other need certificates"))
	}
	return errors.Join(mistakes...)
}
