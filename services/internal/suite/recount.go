package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/internal/store"
)

// Recount counts all figures once more from the feeds of a running suite, and
// returns the first difference from those that are kept.
func (s *Suite) Recount(ctx context.Context) error {
	stores := map[string]store.Engine{}
	for role, source := range s.feeds {
		stores[role] = source.Engine
	}
	return recount.Check(ctx, stores)
}

// Recount does the same for the data folder of a suite that does not run.
func Recount(ctx context.Context, c Config) error { return withStores(ctx, c, recount.Check) }

// Waiting answers how many entries of the feeds in the data folder of a suite that
// does not run are not counted yet: the next start does it.
func Waiting(ctx context.Context, c Config) (n uint64, err error) {
	err = withStores(ctx, c, func(ctx context.Context, stores map[string]store.Engine) (err error) {
		n, err = recount.Waiting(ctx, stores)
		return err
	})
	return n, err
}

// withStores opens the stores of all roles.
func withStores(ctx context.Context, c Config, fn func(context.Context, map[string]store.Engine) error) (err error) {
	stores := map[string]store.Engine{}
	defer func() {
		for _, engine := range stores {
			err = errors.Join(err, engine.Close())
		}
	}()
	for _, r := range roles {
		engine, err := reopen(ctx, c, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		stores[r.name] = engine
	}
	return fn(ctx, stores)
}
