// Package archived tells a service of the units that were archived (停用): it hears of
// them from organization's feed, has the service tell its records, and keeps the days
// in the service's store, for records that are made after. What becomes of the records
// the service says; which units are active now says the directory.
package archived

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// source is the feed of units.
const source = "organization"

// Bucket is where the service of that name keeps the days; its schema MUST have it.
func Bucket(service string) string { return service + ".archived" }

// Form is of its rows: a unit, and the day.
var Form = Days("units/")

// Days is the form of rows that have for each resource, the names of which begin with
// prefix, a day.
func Days(prefix string) store.Form {
	return store.Shaped(func(key, value []byte) bool {
		_, err := time.Parse(time.DateOnly, string(value))
		return strings.HasPrefix(string(key), prefix) && err == nil
	})
}

// Units are the archived units that a service knows of.
type Units struct {
	Service string // such as "rectification"
	Book    *change.Book
	Feeds   feedv1.FeedServiceClient // as the service
	// Tell says to the service's records of a unit on which day, YYYY-MM-DD, it was
	// archived. What it was told it is not told again.
	Tell func(tx *change.Tx, unit, day string) error
}

// Day is the day on which the unit was archived, as far as that was heard of, or "".
func (u *Units) Day(tx store.Tx, unit string) (string, error) {
	day, _, err := store.Seek(tx, Bucket(u.Service), []byte(unit))
	return string(day), err
}

// Follow follows the feed of units until ctx ends. It reads from the beginning at every
// start, as the tree does.
func (u *Units) Follow(ctx context.Context) error {
	known := heirs{}
	return feed.Follow(ctx, u.Feeds, feed.Reader{Feed: source, Apply: feed.Patient(source, func(ctx context.Context, run []*feedv1.Entry, _, _ uint64) error {
		gone, err := known.gone(run)
		if err != nil || len(gone) == 0 {
			return err
		}
		return u.take(ctx, gone)
	})})
}

// take hears what is not kept yet: at a start all comes again.
func (u *Units) take(ctx context.Context, gone map[string]string) error {
	if err := u.news(ctx, gone); err != nil || len(gone) == 0 {
		return err
	}
	return u.Book.Own(ctx, u.Service, func(tx *change.Tx) error { return u.hear(tx, gone) })
}

// news leaves in gone what is not kept yet.
func (u *Units) news(ctx context.Context, gone map[string]string) error {
	return u.Book.Store.View(ctx, func(tx store.Tx) error {
		for unit, day := range gone {
			kept, err := u.Day(tx, unit)
			if err != nil {
				return err
			}
			if kept == day {
				delete(gone, unit)
			}
		}
		return nil
	})
}

// hear tells of units, and keeps the days.
func (u *Units) hear(tx *change.Tx, gone map[string]string) error {
	for _, unit := range slices.Sorted(maps.Keys(gone)) {
		if err := u.Tell(tx, unit, gone[unit]); err != nil {
			return err
		}
		if err := tx.Put(Bucket(u.Service), []byte(unit), []byte(gone[unit])); err != nil {
			return err
		}
	}
	return nil
}

// heirs are the units that units were merged into, as far as was heard.
type heirs map[string]string

// gone returns the units that a run says were archived, with all that were merged into
// them, and the days.
func (h heirs) gone(run []*feedv1.Entry) (map[string]string, error) {
	days := map[string]string{}
	for _, e := range run {
		u, err := feed.Body[*organizationv1.Unit](e)
		if err != nil {
			return nil, err
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
