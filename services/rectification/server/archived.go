package server

import (
	"context"
	"fmt"
	"maps"
	"slices"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/rectification"
)

const (
	unitFeed       = "organization"
	archivedBucket = "rectification.archived" // unit → the day on which it was archived
)

// archived follows the feed of units, and tells the ledgers of those that were
// archived. It reads from the beginning at every start, as the tree does: what is told
// twice changes nothing.
func (s *Service) archived(ctx context.Context) error {
	known := heirs{}
	return feed.Follow(ctx, s.feeds, unitFeed, 0, feed.Patient(unitFeed, func(ctx context.Context, run []*feedv1.Entry, _, _ uint64) error {
		gone, err := known.gone(run)
		if err != nil || len(gone) == 0 {
			return err
		}
		return s.book.Own(ctx, "rectification", func(tx *change.Tx) error { return s.abandon(tx, gone) })
	}))
}

// heirs are the units that units were merged into, as far as was heard.
type heirs map[string]string

// gone returns the units that a run says were archived, with all that were merged into
// them, and the days.
func (h heirs) gone(run []*feedv1.Entry) (map[string]string, error) {
	days := map[string]string{}
	for _, e := range run {
		u := &organizationv1.Unit{}
		if !e.GetBody().MessageIs(u) {
			continue
		}
		if err := e.GetBody().UnmarshalTo(u); err != nil {
			return nil, fmt.Errorf("reading entry %d of %s: %w", e.GetSeq(), unitFeed, err)
		}
		switch u.GetState() {
		case organizationv1.Unit_STATE_MERGED:
			h[u.GetName()] = u.GetMergedInto()
		case organizationv1.Unit_STATE_ARCHIVED:
			for _, unit := range h.of(u.GetName()) {
				days[unit] = calendar.On(e.GetEffective().AsTime()).String()
			}
		}
	}
	return days, nil
}

// of returns the unit and those that were merged into it, through as many mergers as
// there were.
func (h heirs) of(unit string) []string {
	all := []string{unit}
	for i := 0; i < len(all); i++ {
		for merged, into := range h {
			if into == all[i] {
				all = append(all, merged)
			}
		}
	}
	return all
}

// abandon tells the ledgers of units that they were archived, but for those of which
// that was said before.
func (s *Service) abandon(tx *change.Tx, gone map[string]string) error {
	for _, unit := range slices.Sorted(maps.Keys(gone)) {
		err := s.tell(tx, "unit", unit, func(l *rectificationv1.Ledger) *rectificationv1.Ledger {
			if l.GetUnitArchiveDate() != "" {
				return nil
			}
			return rectification.Abandon(l, gone[unit])
		})
		if err != nil {
			return err
		}
		if err := tx.Put(archivedBucket, []byte(unit), []byte(gone[unit])); err != nil {
			return err
		}
	}
	return nil
}
