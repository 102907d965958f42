package upkeep

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/papers"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
)

// Equip writes into folder what the processes of an installation need to know: a
// certification authority and the installation's seed, if they are not there,
// and beneath, for each role, a folder with its secrets and a new certificate. The
// role's process gets its folder and nothing else.
func Equip(folder, installation string, now time.Time, wanted ...string) error {
	for _, role := range wanted {
		if !slices.Contains(suite.Roles(), role) {
			return fmt.Errorf("%w: there is no role %q; there are %v", config.ErrWrong, role, suite.Roles())
		}
	}
	if err := papers.Issue(folder, installation, now, wanted...); err != nil {
		return err
	}
	s, err := seed.Open(folder)
	if err != nil {
		return err
	}
	for _, role := range wanted {
		if err := s.Of(role).Write(filepath.Join(folder, role)); err != nil {
			return err
		}
	}
	return nil
}
