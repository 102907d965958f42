// Package rows keeps what is known of each mirrored log as a whole, one row for each feed, and
// where in the store the log itself lies. What is noted on a row, package server and those that
// it asks decide.
package rows

import (
	"context"
	"fmt"
	"strings"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/store"
)

// Prefix begins the names of the buckets of all mirrors.
const Prefix = "mirror/"

// Table has the rows: 510104.rectification → Mirror; 510104.rectification.1 is that of an era before,
// which is frozen.
var Table = store.Table[*federationv1.Mirror]{Bucket: "mirrors", Key: Feed}

// Feed is the name of the mirror's feed, such as 510104.rectification.
func Feed(m *federationv1.Mirror) string { return strings.TrimPrefix(m.GetFeed(), "feeds/") }

// In is the prefix under which the store has the mirror of a log in its era.
func In(o federation.Origin) string { return fmt.Sprintf(Prefix+"%s/%d/", o.Feed(), o.Era) }

// Of is the row of a log in an era: what stayed of that, or else the row of its newest.
func Of(tx store.Tx, o federation.Origin) (*federationv1.Mirror, error) {
	if m, stayed, err := Table.Seek(tx, o.Past()); stayed || err != nil {
		return m, err
	}
	return Table.Get(tx, o.Feed())
}

// Voice has note change the row of the mirror by which an installation shows who it is; there is none
// as long as nothing is to be heard of it.
func Voice(tx store.Tx, installation string, note func(*federationv1.Mirror)) error {
	m, there, err := Table.Seek(tx, strings.TrimPrefix(installation, "installations/")+"."+federation.Service)
	if err != nil || !there {
		return err
	}
	note(m)
	return Table.Put(tx, m)
}

// Save keeps the row of a mirror. Beside that of a new era stays what federation.Ended leaves of the
// one before.
func Save(tx store.Tx, m *federationv1.Mirror) error {
	was, there, err := Table.Seek(tx, Feed(m))
	if err != nil {
		return err
	}
	if ended := federation.Ended(was); there && was.GetOrigin() != m.GetOrigin() && ended != nil {
		if err := Table.Put(tx, ended); err != nil {
			return err
		}
	}
	return Table.Put(tx, m)
}

// each calls take with the row of every log in its newest era.
func each(ctx context.Context, engine store.Engine, take func(*federationv1.Mirror)) error {
	return engine.View(ctx, func(tx store.Tx) error {
		for m, err := range Table.Scan(tx, "", "") {
			if err != nil {
				return fmt.Errorf("listing mirrors: %w", err)
			}
			if !federation.IsEnded(m) {
				take(m)
			}
		}
		return nil
	})
}

// Mirrored returns the mirrors in a store of federation, each as an engine that has
// it alone, by their feeds' names.
func Mirrored(ctx context.Context, engine store.Engine) (map[string]store.Engine, error) {
	all := map[string]store.Engine{}
	err := each(ctx, engine, func(m *federationv1.Mirror) {
		o, _ := federation.ParseLog(federation.LogOf(m))
		all[o.Feed()] = store.Within(engine, In(o))
	})
	return all, err
}

// Names returns the feeds of all mirrors, such as "510104.rectification": what is
// relayed upward beside the installation's own.
func Names(ctx context.Context, engine store.Engine) (names []federation.Upward, err error) {
	err = each(ctx, engine, func(m *federationv1.Mirror) {
		names = append(names, federation.Upward{Feed: Feed(m), Unit: m.GetUnit()})
	})
	return names, err
}
