package upkeep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
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

// ReadIdentity reads the identity of the installation in the data folder, and
// makes its key if it was never started.
func ReadIdentity(c suite.Config) (Identity, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return Identity{}, fmt.Errorf("making the data folder: %w", err)
	}
	s, err := seed.Find(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = seed.Open(c.Data)
	}
	if err != nil {
		return Identity{}, err
	}
	in := &federationv1.Installation{Name: c.Name()}
	for _, role := range suite.Called() {
		key, err := s.Of(role).Verifier(c.Origin(role))
		if err != nil {
			return Identity{}, err
		}
		in.Logs = append(in.Logs, &federationv1.EnrolledLog{Origin: c.Origin(role), VerifierKey: key})
	}
	return Identity{c.Cosigner(s.Of("federation")).VerifierKey(), in}, nil
}
