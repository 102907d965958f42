package upkeep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
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
	// Elsewhere are, of several processes, the services of whose logs no folder that was read
	// says the era: the first is meant.
	Elsewhere []string
}

// WriteKeys writes the keys that verify what the installation signs, one a line,
// after a line that says whose they are.
func (i Identity) WriteKeys(out io.Writer) error {
	lines := []string{"# " + i.Installation.GetName(), i.Cosigner}
	if len(i.Elsewhere) > 0 {
		lines = slices.Insert(lines, 1, "# no folder that was read says the era of "+strings.Join(i.Elsewhere, ", ")+": the first is meant")
	}
	for _, log := range i.Installation.GetLogs() {
		lines = append(lines, log.GetVerifierKey())
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// ReadIdentity reads the identity of the installation: from the secrets that the
// process of federation was handed (peers.keys) or, where there are none, from the
// key in the data folder, which it makes if the installation was never started. In
// which era a log is it knows from what the processes note in that folder and in others, the
// data folders of other roles: of logs that were never kept there it tells the first.
func ReadIdentity(c suite.Config, others ...string) (Identity, error) {
	s, err := voice(c)
	if err != nil {
		return Identity{}, err
	}
	noted, err := eras(c, others)
	if err != nil {
		return Identity{}, err
	}
	i := Identity{c.Cosigner(s).VerifierKey(), suite.Unsealer(s).Recipient(), &federationv1.Installation{Name: c.Name()}, nil}
	for _, role := range suite.Called() {
		if noted[role] == 0 && c.Peers.Keys != "" {
			i.Elsewhere = append(i.Elsewhere, role)
		}
		origin := c.Origin(role, max(feed.FirstEra, noted[role]))
		key, err := s.Verifier(origin) // of all logs there is one key
		if err != nil {
			return Identity{}, err
		}
		i.Installation.Logs = append(i.Installation.Logs, &federationv1.EnrolledLog{Origin: origin, VerifierKey: key})
	}
	return i, nil
}

// eras are those in which the logs are, by service, as noted in the data folder and in others.
func eras(c suite.Config, others []string) (map[string]uint64, error) {
	newest := map[string]uint64{}
	for i, folder := range append([]string{c.Data}, others...) {
		if _, err := os.Stat(folder); i > 0 && err != nil {
			return nil, fmt.Errorf("%w: the data folder of a role: %w", config.ErrWrong, err)
		}
		noted, err := marks.Open(folder)
		if err != nil {
			return nil, err
		}
		for _, role := range suite.Called() {
			newest[role] = max(newest[role], noted.Era(c.Installation+"/"+role))
		}
	}
	return newest, nil
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
