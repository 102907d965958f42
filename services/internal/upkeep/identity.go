package upkeep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/marks"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
)

// Identity is what somebody above or below must be told on paper.
type Identity struct {
	// Cosigner is the key that verifies what this installation cosigns: for the
	// configuration of those below.
	Cosigner string
	// Recipient is for whom those below seal bundles: for their configuration too.
	Recipient string
	// Installation is what CreateInstallation takes above, but for the display
	// name and the unit.
	Installation *federationv1.Installation
}

// WriteKeys writes the keys that verify what the installation signs, one a line,
// after a line that says whose they are.
func (i Identity) WriteKeys(out io.Writer) error {
	lines := []string{"# " + i.Installation.GetName(), i.Cosigner}
	for _, log := range i.Installation.GetLogs() {
		lines = append(lines, log.GetVerifierKey())
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// ReadIdentity reads the identity of the installation: from the secrets that the
// process of federation was handed (peers.keys) or, where there are none, from the
// key in the data folder, which it makes if the installation was never started. In
// which era a log is it knows from what the process notes in that folder: of logs that
// were never kept there it tells the first.
func ReadIdentity(c suite.Config) (Identity, error) {
	s, err := voice(c)
	if err != nil {
		return Identity{}, err
	}
	noted, err := marks.Open(c.Data)
	if err != nil {
		return Identity{}, err
	}
	in := &federationv1.Installation{Name: c.Name()}
	for _, role := range suite.Called() {
		origin := c.Origin(role, noted.Era(c.Installation+"/"+role))
		key, err := s.Verifier(origin) // of all logs there is one key
		if err != nil {
			return Identity{}, err
		}
		in.Logs = append(in.Logs, &federationv1.EnrolledLog{Origin: origin, VerifierKey: key})
	}
	return Identity{c.Cosigner(s).VerifierKey(), suite.Unsealer(s).Recipient(), in}, nil
}

// Unsealer opens what is sealed for the installation. It needs the secrets that
// ReadIdentity needs, and makes none.
func Unsealer(c suite.Config) (bundle.Identity, error) {
	s, err := known(c)
	if err != nil {
		return bundle.Identity{}, err
	}
	return suite.Unsealer(s), nil
}

// voice are the secrets by which the installation speaks to others: federation's.
// There are some from now on.
func voice(c suite.Config) (seed.Role, error) {
	s, err := known(c)
	if c.Peers.Keys != "" || !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return seed.Role{}, fmt.Errorf("making the data folder: %w", err)
	}
	made, err := seed.Open(c.Data)
	if err != nil {
		return seed.Role{}, err
	}
	return made.Of(federation.Service), nil
}

// known are those secrets if there are any.
func known(c suite.Config) (seed.Role, error) {
	if c.Peers.Keys != "" {
		s, err := seed.ReadRole(c.Peers.Keys, federation.Service)
		if err != nil {
			return s, fmt.Errorf("%w: peers.keys: only the process that runs federation knows the installation's keys: %w", config.ErrWrong, err)
		}
		return s, nil
	}
	s, err := seed.Find(c.Data)
	if err != nil {
		return seed.Role{}, err
	}
	return s.Of(federation.Service), nil
}
