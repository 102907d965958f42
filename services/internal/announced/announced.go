// Package announced has a service count its provisional days (暂定) anew once the holidays
// until then are announced: at the first start of a program that ships with another
// calendar than the last. Which days a record has, and what they become, the service says.
package announced

import (
	"context"
	"slices"
	"unicode/utf8"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket is where the service of that name keeps by which calendar it has counted; its
// schema MUST have it.
func Bucket(service string) string { return service + ".calendar" }

// Form is of the one row that it has.
var Form = store.Shaped(func(key, value []byte) bool {
	return string(key) == string(counted) && len(value) < 64 && utf8.Valid(value)
})

// counted is the key under which the version of that calendar stands.
var counted = []byte("counted")

// atOnce is how many records change in one transaction.
const atOnce = 256

// Days are those of one kind of record.
type Days[T change.Record] struct {
	Service  string // such as "rectification"
	Kind     *change.Kind[T]
	Event    string // that a record's days were counted anew
	Calendar *calendar.Calendar
	// Recount returns a record with its provisional days counted anew on a day,
	// YYYY-MM-DD, or nil if they stay what they are.
	Recount func(r T, today string, days *calendar.Calendar) T
}

// Work counts anew what is to be, once: what was done before it was interrupted is not
// done again. A full disk or a held log it waits out.
func (d *Days[T]) Work(ctx context.Context) error {
	if prepared := d.Kind.Book.Prepared; prepared != nil {
		if err := prepared(ctx); err != nil {
			return err
		}
	}
	return feed.Patient("calendar", func(ctx context.Context, _ []*feedv1.Entry, _, _ uint64) error {
		names, done, err := d.stale(ctx)
		if err != nil || done {
			return err
		}
		for some := range slices.Chunk(names, atOnce) {
			if err := d.Kind.Book.Own(ctx, d.Service, func(tx *change.Tx) error { return d.recount(tx, some) }); err != nil {
				return err
			}
		}
		return d.Kind.Book.Own(ctx, d.Service, func(tx *change.Tx) error {
			return tx.Put(Bucket(d.Service), counted, []byte(d.Calendar.Version()))
		})
	})(ctx, nil, 0, 0)
}

// stale returns the names of the records whose days are counted anew, or says that they
// were counted by this calendar before.
func (d *Days[T]) stale(ctx context.Context) (names []string, done bool, err error) {
	err = d.Kind.Book.Store.View(ctx, func(raw store.Tx) error {
		version, _, err := store.Seek(raw, Bucket(d.Service), counted)
		if done = string(version) == d.Calendar.Version(); err != nil || done {
			return err
		}
		for r, err := range d.Kind.Scan(&change.Tx{Tx: raw}, "", "") {
			if err != nil {
				return err
			}
			if d.anew(r).ProtoReflect().IsValid() {
				names = append(names, r.GetName())
			}
		}
		return nil
	})
	return names, done, err
}

// recount tells the records of these names.
func (d *Days[T]) recount(tx *change.Tx, names []string) error {
	records := func(yield func(T, error) bool) {
		for _, name := range names {
			if r, err := d.Kind.Find(tx, name); !yield(r, err) {
				return
			}
		}
	}
	return d.Kind.Tell(tx, d.Event, records, d.anew)
}

func (d *Days[T]) anew(r T) T { return d.Recount(r, d.Kind.Book.Today(), d.Calendar) }
