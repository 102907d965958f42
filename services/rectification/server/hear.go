package server

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/rectification"
)

// errNoTree says that the tree could not be brought up to date.
var errNoTree = errors.New("the tree of units is not known")

// Work implements serve.Worker: it hears what becomes of campaigns and of units, and
// tells the ledgers.
func (s *Service) Work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.published(ctx) })
	g.Go(func() error { return s.archived.Follow(ctx) })
	return g.Wait()
}

// abandon tells the ledgers of a unit that it was archived, but for those of which that
// was said before.
func (s *Service) abandon(tx *change.Tx, unit, day string) error {
	return s.tell(tx, "unit", unit, func(l *rectificationv1.Ledger) *rectificationv1.Ledger {
		if l.GetUnitArchiveDate() != "" {
			return nil
		}
		return rectification.Abandon(l, day)
	})
}

// tell changes the ledgers that have a value in an index.
func (s *Service) tell(tx *change.Tx, index, value string, changed func(*rectificationv1.Ledger) *rectificationv1.Ledger) error {
	return s.ledgers.Tell(tx, "ledger.changed", s.ledgers.Lookup(tx, index, value, ""), changed)
}
