package upkeep

import (
	"context"
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/suite"
)

// named is c with the installation that the stores of the roles in its data folder
// belong to. If c names one, at least one store MUST be of it; else it is the one
// that most are of. A store that is damaged or missing says
// nothing.
func named(ctx context.Context, c suite.Config, roles []string) (suite.Config, error) {
	most, of := "", map[string]int{}
	for _, role := range roles {
		name, err := installationOf(ctx, c, role)
		if err != nil && !lost(err) {
			return c, fmt.Errorf("%s: %w", role, err)
		}
		if name == "" {
			continue
		}
		if of[name]++; of[name] > of[most] {
			most = name
		}
	}
	if c.Installation == "" {
		c.Installation = most
	}
	if of[c.Installation] > 0 {
		return c, nil
	}
	return c, c.Belongs(most)
}

func installationOf(ctx context.Context, c suite.Config, role string) (name string, err error) {
	engine, err := reopen(ctx, c, role)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return feed.InstallationOf(ctx, engine)
}
