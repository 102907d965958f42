package upkeep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/recount"
	events "github.com/duban-project/duban/services/event/recheck"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
)

// Recount counts all figures once more from the feeds in the data folder of a suite
// that does not run, its own and those it mirrors, and returns the first difference
// from those that are kept.
func Recount(ctx context.Context, c suite.Config) error {
	return withStores(ctx, c, RecountStores)
}

// RecountStores is Recount from the stores of one installation, by role.
func RecountStores(ctx context.Context, stores map[string]store.Engine) error {
	sources, err := mirrored(ctx, stores)
	if err != nil {
		return err
	}
	return recount.Check(ctx, stores["aggregation"], sources)
}

// mirrored are the feeds that an installation counts. What lies below is read from
// the mirrors, and where it lies from federation's feed.
func mirrored(ctx context.Context, stores map[string]store.Engine) ([]recount.Source, error) {
	sources := recount.Sources("", stores)
	mirrors, err := rows.Mirrored(ctx, stores["federation"])
	if err != nil {
		return nil, err
	}
	for name, engine := range mirrors {
		installation, service, _ := strings.Cut(name, ".")
		if service != "organization" {
			sources = append(sources, recount.Source{Installation: installation, Service: service, Engine: engine})
		}
	}
	return sources, nil
}

// Waiting answers how many entries of the feeds and mirrors in the data folder of
// a suite that does not run are not counted yet: the next start does it.
func Waiting(ctx context.Context, c suite.Config) (n uint64, err error) {
	err = withStores(ctx, c, func(ctx context.Context, stores map[string]store.Engine) error {
		sources, err := mirrored(ctx, stores)
		if err != nil {
			return err
		}
		n, err = recount.Waiting(ctx, stores["aggregation"], sources)
		return err
	})
	return n, err
}

// RecountFederation counts the figures in the data folder of c once more from its
// own feeds and from the stores of all installations below, in their folders and
// not as they were mirrored. None of them may run.
func RecountFederation(ctx context.Context, c suite.Config, below []string) error {
	return withStores(ctx, c, func(ctx context.Context, stores map[string]store.Engine) error {
		top := above{figures: stores["aggregation"], enrolled: stores["federation"]}
		return top.recount(ctx, recount.Sources("", stores), below)
	})
}

// above is the installation whose figures are counted from the stores of those below.
type above struct{ figures, enrolled store.Engine }

// recount adds one folder after the other to the sources, and then counts.
func (a above) recount(ctx context.Context, sources []recount.Source, below []string) error {
	if len(below) == 0 {
		return recount.CheckFigures(ctx, a.figures, sources)
	}
	return withStores(ctx, suite.Config{Data: below[0]}, func(ctx context.Context, stores map[string]store.Engine) error {
		name, err := a.named(ctx, stores["organization"])
		if err != nil {
			return fmt.Errorf("%s: %w", below[0], err)
		}
		delete(stores, "federation")
		return a.recount(ctx, append(sources, recount.Sources(name, stores)...), below[1:])
	})
}

// named is what the installation below is called above whose organization has that store: one
// that is not enrolled there has the id of its root behind its own.
func (a above) named(ctx context.Context, organization store.Engine) (string, error) {
	full, err := feed.InstallationOf(ctx, organization)
	if err != nil {
		return "", err
	}
	id, root, direct := path.Base(full), "", false
	err = a.enrolled.View(ctx, func(tx store.Tx) (err error) {
		_, direct, err = store.Seek(tx, bucketOf(&federationv1.Installation{}), []byte("installations/"+id))
		return err
	})
	if err != nil || direct {
		return id, err
	}
	err = organization.View(ctx, func(tx store.Tx) error {
		for u, err := range (store.Table[*organizationv1.Unit]{Bucket: bucketOf(&organizationv1.Unit{}), Key: (*organizationv1.Unit).GetName}).Scan(tx, "", "") {
			if err != nil {
				return err
			}
			if u.GetParent() == "" {
				root = u.GetName()
			}
		}
		return nil
	})
	return federation.Relayed(id, root), err
}

func bucketOf(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }

// Events holds the events in the data folder of a suite that does not run against its
// feeds, returns the first difference, and answers how many entries are none yet.
func Events(ctx context.Context, c suite.Config) (waiting uint64, err error) {
	err = withStores(ctx, c, func(ctx context.Context, stores map[string]store.Engine) (err error) {
		kept := stores["event"]
		maps.DeleteFunc(stores, func(role string, _ store.Engine) bool { return !slices.Contains(feedserver.Followed("event"), role) })
		waiting, err = events.Events(ctx, kept, stores)
		return err
	})
	return waiting, err
}

// withStores opens the stores of all roles.
func withStores(ctx context.Context, c suite.Config, use func(context.Context, map[string]store.Engine) error) (err error) {
	if _, err := kept(c); err != nil {
		return err
	}
	if _, err := named(ctx, c, suite.Called()); err != nil {
		return err
	}
	stores := map[string]store.Engine{}
	defer func() {
		for _, engine := range stores {
			err = errors.Join(err, engine.Close())
		}
	}()
	given := map[string]store.Engine{}
	for _, role := range suite.Called() {
		engine, err := versioned(ctx, c, role, bolt.Inspect)
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		stores[role], given[role] = engine, engine
	}
	return use(ctx, given)
}
