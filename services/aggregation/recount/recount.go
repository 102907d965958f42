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

// Source is a feed that counts.
type Source struct {
	// Installation keeps it, such as 510104; empty: the one whose figures they are.
	Installation string
	Service      string
	Engine       store.Engine
}

// Sources are the feeds of one installation, by their services.
func Sources(installation string, stores map[string]store.Engine) (sources []Source) {
	for service, engine := range stores {
		sources = append(sources, Source{Installation: installation, Service: service, Engine: engine})
	}
	return sources
}

// services are those that count, each after those whose entries it rests on.
var services = []string{"organization", "federation", own, "campaign", "rectification", "evaluation", "complaint"}

// Check counts anew from the feeds and returns the first difference from the
// figures in kept. The feeds of installations below are read from their mirrors or
// from their own stores: with organization's among them, what federation's says
// of the tree is not needed. No entry may be waiting to be counted.
func Check(ctx context.Context, kept store.Engine, sources []Source) error {
	f, err := Count(ctx, sources)
	if err != nil {
		return err
	}
	return kept.View(ctx, f.Compare)
}

// Count reads the feeds from their beginning to their end.
func Count(ctx context.Context, sources []Source) (*Figures, error) {
	return CountUntil(ctx, sources, time.Unix(1<<40, 0))
}

// CountUntil is Count of what took effect until a moment: of each feed the entries
// before the first one that took effect later. Whose a unit is, is as it is now.
func CountUntil(ctx context.Context, sources []Source, until time.Time) (*Figures, error) {
	c := newCount(until)
	for _, service := range services {
		for _, s := range sources {
			if s.Service != service {
				continue
			}
			if err := c.read(ctx, s); err != nil {
				return nil, fmt.Errorf("reading the feed of %s %s: %w", s.Installation, service, err)
			}
		}
	}
	return c.figures(), nil
}

// read takes one feed in. What federation has found out took effect below, and
// not when it was found out.
func (c *count) read(ctx context.Context, s Source) error {
	return s.Engine.View(ctx, func(tx store.Tx) error {
		latest := &timestamppb.Timestamp{}
		for e, err := range entries(tx) {
			if err != nil {
				return err
			}
			if latest.AsTime().Before(e.GetEffective().AsTime()) {
				latest = e.GetEffective()
			}
			e.Effective = latest // a clock that was set back stood still
			if s.Service != "federation" && c.later(latest) {
				return nil
			}
			if err := c.take(s.Installation, e); err != nil {
				return fmt.Errorf("entry %d: %w", e.GetSeq(), err)
			}
		}
		return nil
	})
}

// later says whether something took effect after the moment until which is
// counted.
func (c *count) later(t *timestamppb.Timestamp) bool { return t.AsTime().After(c.until) }

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
