package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/internal/store"
)

// Recount counts all figures once more from the feeds of a running suite, and
// returns the first difference from those that are kept. Entries that come while
// it counts may show as one.
func (s *Suite) Recount(ctx context.Context) error {
	stores := map[string]store.Engine{}
	for role, source := range s.feeds {
		stores[role] = source.Engine
	}
	return recount.Check(ctx, stores)
}

// Recount does the same for the data folder of a suite that does not run.
func Recount(ctx context.Context, c Config) (err error) {
	stores := map[string]store.Engine{}
	defer func() {
		for _, engine := range stores {
			err = errors.Join(err, engine.Close())
		}
	}()
	for _, r := range roles {
		if stores[r.name], err = reopen(c, r.name); err != nil {
			delete(stores, r.name)
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return recount.Check(ctx, stores)
}
