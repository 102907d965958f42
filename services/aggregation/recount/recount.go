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
	"fmt"
	"iter"
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
// difference from the figures in aggregation's. No entry may be waiting to be
// counted.
func Check(ctx context.Context, stores map[string]store.Engine) error {
	c, err := Count(ctx, stores)
	if err != nil {
		return err
	}
	return stores[own].View(ctx, c.Compare)
}

// Count reads the feeds from their beginning to their end.
func Count(ctx context.Context, stores map[string]store.Engine) (*Figures, error) {
	return CountUntil(ctx, stores, time.Unix(1<<40, 0))
}

// CountUntil is Count of what took effect until a moment: of each feed the entries
// before the first one that took effect later.
func CountUntil(ctx context.Context, stores map[string]store.Engine, until time.Time) (*Figures, error) {
	c := newCount()
	for _, service := range []string{"organization", own, "campaign", "rectification", "evaluation", "complaint"} {
		engine, ok := stores[service]
		if !ok {
			continue
		}
		err := engine.View(ctx, func(tx store.Tx) error {
			latest := &timestamppb.Timestamp{}
			for e, err := range entries(tx) {
				if err != nil {
					return err
				}
				if latest.AsTime().Before(e.GetEffective().AsTime()) {
					latest = e.GetEffective()
				}
				e.Effective = latest // a clock that was set back stood still
				if e.GetEffective().AsTime().After(until) {
					return nil
				}
				if err := c.take(e); err != nil {
					return fmt.Errorf("entry %d of %s: %w", e.GetSeq(), service, err)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the feed of %s: %w", service, err)
		}
	}
	return c.figures(), nil
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
