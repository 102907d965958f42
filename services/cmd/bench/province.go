package main

import (
	"context"
	"fmt"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// provinceOver is an installation above the city that is configured so, enrolled
// there by hand; the city is told in its configuration whom to push to.
func provinceOver(ctx context.Context, folder string, below *suite.Config) (*world, error) {
	c := configured(folder)
	c.Installation = "local/province"
	settled, err := before(ctx, c, func(w *world, bootstrap string) error { return w.enrol(ctx, bootstrap, *below) })
	if err != nil {
		return nil, err
	}
	identity, err := upkeep.ReadIdentity(c)
	if err != nil {
		return nil, err
	}
	w, err := now(ctx, c, settled)
	if err != nil {
		return nil, err
	}
	below.Federation.Parent = suite.Parent{Address: w.grpc, Cosigner: identity.Cosigner, Plaintext: true}
	return w, nil
}

// enrol enters the root, and the city with its keys.
func (w *world) enrol(ctx context.Context, bootstrap string, below suite.Config) error {
	system, security, err := w.begin(ctx, bootstrap, "province", organizationv1.Unit_KIND_PROVINCE)
	if err != nil {
		return err
	}
	if err := w.unit(system, "city", w.root, organizationv1.Unit_KIND_CITY); err != nil {
		return err
	}
	identity, err := upkeep.ReadIdentity(below)
	if err != nil {
		return err
	}
	identity.Installation.Unit, identity.Installation.DisplayName = "units/city", "演示市教育局"
	_, err = federationv1.NewFederationServiceClient(w.conn).CreateInstallation(security, &federationv1.CreateInstallationRequest{Installation: identity.Installation})
	return err
}

// pushed waits until w has counted what the city below it has entered.
func (w *world) pushed(ctx context.Context, city *world) error {
	if err := city.counted(ctx); err != nil {
		return err
	}
	below, err := city.status(ctx)
	if err != nil {
		return err
	}
	err = w.until(ctx, func(s *aggregationv1.Status) bool {
		return rectified(s, "installations/duban").GetCursor() >= rectified(below, "").GetSize()
	})
	if err != nil {
		return fmt.Errorf("of %d entries below: %w", rectified(below, "").GetSize(), err)
	}
	return w.counted(ctx)
}

// rectified is how far the ledgers of an installation are counted.
func rectified(s *aggregationv1.Status, installation string) *aggregationv1.Freshness {
	for f := range slices.Values(s.GetFreshness()) {
		if f.GetService() == "rectification" && f.GetInstallation() == installation {
			return f
		}
	}
	return nil
}
