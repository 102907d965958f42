package suite

import (
	"context"
	"fmt"
	"path"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Origin names a role's log among all logs. The last part is its era (纪元): a log that
// lost its tail goes on in a new one, never silently.
func (c Config) Origin(role string, era uint64) string {
	return feed.OriginOfEra(c.Installation+"/"+role, era)
}

// EraOf reads in which era the log of a role's store is: what it has signed last says
// so. One in which nothing was ever written is in its first.
func EraOf(ctx context.Context, engine store.Engine) (era uint64, err error) {
	err = engine.View(ctx, func(tx store.Tx) error {
		origin, err := feed.OriginOf(tx)
		if _, n, ok := feed.SplitOrigin(origin); ok {
			era = n
			return err
		}
		era = feed.FirstEra
		return err
	})
	return era, err
}

// InstallationOf reads from a role's store which installation it belongs to; "" if
// nothing was ever written in it.
func InstallationOf(ctx context.Context, engine store.Engine) (name string, err error) {
	err = engine.View(ctx, func(tx store.Tx) error {
		origin, err := feed.OriginOf(tx)
		if origin != "" {
			name = path.Dir(path.Dir(origin))
		}
		return err
	})
	return name, err
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
	of, err := InstallationOf(ctx, engine)
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
