package upkeep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
)

// Identity is what somebody above or below must be told on paper.
type Identity struct {
	// Cosigner is the key that verifies what this installation cosigns: for the
	// configuration of those below.
	Cosigner string
	// Installation is what CreateInstallation takes above, but for the display
	// name and the unit.
	Installation *federationv1.Installation
}

// ReadIdentity reads the identity of the installation: from the secrets that the
// process of federation was handed (peers.keys) or, where there are none, from the
// key in the data folder, which it makes if the installation was never started.
func ReadIdentity(c suite.Config) (Identity, error) {
	s, err := voice(c)
	if err != nil {
		return Identity{}, err
	}
	in := &federationv1.Installation{Name: c.Name()}
	for _, role := range suite.Called() {
		key, err := s.Verifier(c.Origin(role)) // of all logs there is one key
		if err != nil {
			return Identity{}, err
		}
		in.Logs = append(in.Logs, &federationv1.EnrolledLog{Origin: c.Origin(role), VerifierKey: key})
	}
	return Identity{c.Cosigner(s).VerifierKey(), in}, nil
}

// voice are the secrets by which the installation speaks to others: federation's.
func voice(c suite.Config) (seed.Role, error) {
	if c.Peers.Keys != "" {
		s, err := seed.ReadRole(c.Peers.Keys, federation.Service)
		if err != nil {
			return s, fmt.Errorf("%w: peers.keys: only the process that runs federation knows the installation's keys: %w", config.ErrWrong, err)
		}
		return s, nil
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return seed.Role{}, fmt.Errorf("making the data folder: %w", err)
	}
	s, err := seed.Find(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = seed.Open(c.Data)
	}
	if err != nil {
		return seed.Role{}, err
	}
	return s.Of(federation.Service), nil
}
