// Package recount counts all figures once more, from the first entry of every
// feed, and compares them with those that are kept: any difference is a bug or a
// tampered store. It keeps plain maps and shares no code with package figures or
// the rules beside it, so that the two do not err in the same way; only the
// metrics' names are the same.
//
// It holds in memory one entry for each record and for each day on which a unit
// has figures in a cut: some hundred bytes a record. It changes nothing.
package recount

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// own is the service whose feed has the reports and whose store the figures.
const own = "aggregation"

// Check counts anew from the feeds in the stores, which are named by their
// services and MUST hold organization and aggregation, and returns the first
// difference from the figures in aggregation's. It counts what these have counted:
// entries that wait to be are left to Waiting, and figures of more than a feed has
// are a difference.
func Check(ctx context.Context, stores map[string]store.Engine) error {
	c, err := Count(ctx, stores)
	if err != nil {
		return err
	}
	return stores[own].View(ctx, c.Compare)
}

// folded are the services whose feeds are counted, organization's tree first.
var folded = []string{"organization", own, "campaign", "rectification", "evaluation", "complaint"}

// Count reads the feeds from their beginning, each as far as it is counted.
func Count(ctx context.Context, stores map[string]store.Engine) (*Figures, error) {
	return CountUntil(ctx, stores, time.Unix(1<<40, 0))
}

// CountUntil is Count of what took effect until a moment: of each feed the entries
// before the first one that took effect later.
func CountUntil(ctx context.Context, stores map[string]store.Engine, until time.Time) (*Figures, error) {
	c := newCount()
	for _, service := range folded {
		if stores[service] == nil {
			continue
		}
		next, err := reached(ctx, stores[own], service)
		if err != nil {
			return nil, err
		}
		err = stores[service].View(ctx, func(tx store.Tx) error { return c.feed(tx, next, until) })
		if err != nil {
			return nil, fmt.Errorf("reading the feed of %s: %w", service, err)
		}
	}
	return c.figures(), nil
}

// feed takes the entries before next that took effect until a moment.
func (c *count) feed(tx store.Tx, next uint64, until time.Time) error {
	latest, n := &timestamppb.Timestamp{}, uint64(0)
	for e, err := range entries(tx) {
		if err != nil {
			return err
		}
		if latest.AsTime().Before(e.GetEffective().AsTime()) {
			latest = e.GetEffective()
		}
		e.Effective = latest // a clock that was set back stood still
		if n == next || latest.AsTime().After(until) {
			return nil
		}
		if err := c.take(e); err != nil {
			return fmt.Errorf("entry %d: %w", e.GetSeq(), err)
		}
		n++
	}
	if n < next && next != all {
		return differ("%d entries are counted, and it has %d: it is older than the figures", next, n)
	}
	return nil
}

// Waiting returns how many entries of the feeds are not counted yet.
func Waiting(ctx context.Context, stores map[string]store.Engine) (n uint64, err error) {
	for _, service := range folded {
		if stores[service] == nil || service == own {
			continue
		}
		next, err := reached(ctx, stores[own], service)
		if err != nil {
			return n, err
		}
		err = stores[service].View(ctx, func(tx store.Tx) error {
			for _, err := range tx.Scan("feed.entries", binary.BigEndian.AppendUint64(nil, next), nil) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("the feed of %s: %w", service, err)
		}
	}
	return n, nil
}

// all is how far one's own feed is counted: reports with each entry, in its
// transaction.
const all = math.MaxUint64

// reached is how far the figures count a feed.
func reached(ctx context.Context, figures store.Engine, service string) (next uint64, err error) {
	if service == own {
		return all, nil
	}
	err = figures.View(ctx, func(tx store.Tx) error {
		b, err := tx.Get("figures.cursors", []byte(service))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		case len(b) < 8:
			return differ("how far it is counted cannot be read")
		}
		next = binary.BigEndian.Uint64(b)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("how far %s is counted: %w", service, err)
	}
	return next, nil
}

// entries yields what the feed in a store says, in its order.
func entries(tx store.Tx) iter.Seq2[*feedv1.Entry, error] {
	return func(yield func(*feedv1.Entry, error) bool) {
		for kv, err := range tx.Scan("feed.entries", nil, nil) {
			e := &feedv1.Entry{}
			if err == nil {
				err = proto.Unmarshal(kv.Value, e)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
