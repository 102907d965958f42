package suite

import (
	"context"
	"fmt"
	"path"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Origin names a role's log among all logs. The last part is its era: a log that
// lost its tail goes on in a new one, never silently.
func (c Config) Origin(role string) string { return c.Installation + "/" + role + "/1" }

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

// belongs is Belongs of a store, before anything is written in it.
func (s *Suite) belongs(ctx context.Context, engine store.Engine) error {
	of, err := InstallationOf(ctx, engine)
	if err != nil {
		return err
	}
	return s.config.Belongs(of)
}
