package suite

import (
	"context"
	"fmt"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Origin names a role's log among all logs. The last part is its era (纪元): a log that
// lost its tail goes on in a new one, never silently.
func (c Config) Origin(role string, era uint64) string {
	return feed.OriginOfEra(c.Installation+"/"+role, era)
}

// Belongs is nil if data that say they are of are those of the installation that
// c names, or nobody's yet; else a config.ErrWrong.
func (c Config) Belongs(of string) error {
	if of == "" || of == c.Installation {
		return nil
	}
	return fmt.Errorf("%w: installation: it names %s, and the data are those of %s", config.ErrWrong, c.Installation, of)
}

// sound says whether a role's store may be written in: it is the installation's
// that the configuration names, and its log is what was signed.
func (s *Suite) sound(ctx context.Context, engine store.Engine, log *feed.Log) error {
	of, err := feed.InstallationOf(ctx, engine)
	if err != nil {
		return err
	}
	if err := s.config.Belongs(of); err != nil {
		return err
	}
	if err := engine.View(ctx, log.Sound); err != nil {
		return fmt.Errorf("%w; nothing was written: check the key, run duban fsck, restore the backup", err)
	}
	return nil
}
