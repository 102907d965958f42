// Package recount counts all figures once more, from the first entry of every
// feed, and compares them with those that are kept, now and as of past moments; and
// with them all else that is kept of the feeds: the tree in time, what each record
// counts and when it was known, who has which figure, worklists, cursors. Any
// difference is a bug or a tampered store. It keeps plain maps and shares no code with
// package figures or the rules beside it, so that the two do not err in the same way;
// only the metrics' names are the same, those of sources of reports, and by which rules
// a record asks for something. It compares neither pages that are not judged yet nor
// which rows wait for what.
//
// It holds in memory one entry for each record, for each change of what it counts, and
// for each day on which a unit has figures in a cut: some hundred bytes each. It
// changes nothing, and no bytes in a store make it panic.
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

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
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

// folded are the services whose feeds are counted, each after those whose entries
// it rests on.
var folded = []string{"organization", "federation", own, "campaign", "rectification", "evaluation", "complaint"}

// inOrder yields the sources that are counted, in the order of their services.
func inOrder(sources []Source) iter.Seq[Source] {
	return func(yield func(Source) bool) {
		for _, service := range folded {
			for _, s := range sources {
				if s.Service == service && !yield(s) {
					return
				}
			}
		}
	}
}

// Check counts anew from the feeds and returns the first difference from what is
// kept of them in kept: figures, now and as they were, the tree, worklists, and all
// that these are told by. It counts what these have counted: entries that wait to be
// are left to Waiting, and figures of more than a feed has are a difference. The feeds
// of installations below are read from their mirrors.
func Check(ctx context.Context, kept store.Engine, sources []Source) error {
	until, err := Source{Service: own}.counted(ctx, kept)
	if err != nil {
		return err
	}
	c := newCount(time.Unix(1<<40, 0))
	c.trail = newTrail(until)
	if err := c.all(ctx, kept, sources); err != nil {
		return err
	}
	p := &past{count: c, turns: c.trail.turns()}
	if err := kept.View(ctx, p.now); err != nil {
		return err
	}
	return p.before(ctx, kept, sources)
}

// now compares what is kept but for figures as of past moments.
func (p *past) now(tx store.Tx) error {
	f := p.figures()
	if err := f.Compare(tx); err != nil {
		return err
	}
	for _, b := range p.kept() {
		if err := b.compare(tx); err != nil {
			return err
		}
	}
	return p.compare(tx, f)
}

// CheckFigures is Check of the figures as they are now, and of no more. The feeds of
// installations below may be read from their own stores: with organization's among
// them, what federation's says of the tree is not needed, and all of it MUST have
// been counted.
func CheckFigures(ctx context.Context, kept store.Engine, sources []Source) error {
	f, err := Count(ctx, kept, sources)
	if err != nil {
		return err
	}
	return kept.View(ctx, f.Compare)
}

// Count reads the feeds from their beginning, each as far as kept has counted it.
func Count(ctx context.Context, kept store.Engine, sources []Source) (*Figures, error) {
	return CountUntil(ctx, kept, sources, time.Unix(1<<40, 0))
}

// CountUntil is Count of what took effect until a moment: of each feed the entries
// before the first one that took effect later. Whose a unit is, is as it is now.
func CountUntil(ctx context.Context, kept store.Engine, sources []Source, until time.Time) (*Figures, error) {
	c := newCount(until)
	if err := c.all(ctx, kept, sources); err != nil {
		return nil, err
	}
	return c.figures(), nil
}

// all takes in the feeds, each as far as kept has counted it.
func (c *count) all(ctx context.Context, kept store.Engine, sources []Source) error {
	for s := range inOrder(sources) {
		next, err := s.reached(ctx, kept)
		if err != nil {
			return err
		}
		if err = s.Engine.View(ctx, func(tx store.Tx) error { return c.feed(tx, s, next) }); err != nil {
			return fmt.Errorf("reading the feed of %s: %w", s.name(), err)
		}
	}
	return nil
}

// campaigns are the records that say which campaign is part of which: as it is
// now, also of the past.
var campaigns = (&campaignv1.Campaign{}).ProtoReflect().Descriptor().FullName()

// feed takes the entries before next. What federation has found out took effect
// below, and not when it was found out.
func (c *count) feed(tx store.Tx, s Source, next uint64) error {
	latest, n := &timestamppb.Timestamp{}, uint64(0)
	for e, err := range entries(tx) {
		if err != nil {
			return err
		}
		if latest.AsTime().Before(e.GetEffective().AsTime()) {
			latest = e.GetEffective()
		}
		e.Effective = latest // a clock that was set back stood still
		if n == next {
			return nil
		}
		c.latest = latest.AsTime()
		c.trail.entry(s, e)
		if s.Service == "federation" || e.GetBody().MessageName() == campaigns || !c.later(latest) {
			if err := c.take(s.Installation, e); err != nil {
				return fmt.Errorf("entry %d: %w", e.GetSeq(), err)
			}
		}
		n++
	}
	if n < next && next != all {
		return differ("%d entries are counted, and it has %d: it is older than the figures", next, n)
	}
	return nil
}

// later says whether something took effect after the moment until which is
// counted.
func (c *count) later(t *timestamppb.Timestamp) bool { return t.AsTime().After(c.until) }

// Waiting returns how many entries of the feeds are not counted yet.
func Waiting(ctx context.Context, kept store.Engine, sources []Source) (n uint64, err error) {
	for s := range inOrder(sources) {
		next, err := s.reached(ctx, kept)
		if err != nil {
			return n, err
		}
		if next == all {
			continue
		}
		err = s.Engine.View(ctx, func(tx store.Tx) error {
			for _, err := range tx.Scan("feed.entries", binary.BigEndian.AppendUint64(nil, next), nil) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("the feed of %s: %w", s.name(), err)
		}
	}
	return n, nil
}

// name is that of the feed among those of all installations.
func (s Source) name() string {
	if s.Installation == "" {
		return s.Service
	}
	return s.Installation + "." + s.Service
}

// all is how far one's own feed is counted, reports with each entry in its
// transaction, and what tells of a tree below: figures know that from federation.
const all = math.MaxUint64

// reached is how far the figures count the feed.
func (s Source) reached(ctx context.Context, kept store.Engine) (next uint64, err error) {
	below := s.Installation != ""
	if s.name() == own || below && (s.Service == "organization" || s.Service == "federation") {
		return all, nil
	}
	return s.counted(ctx, kept)
}

// counted is what the feed's cursor says.
func (s Source) counted(ctx context.Context, kept store.Engine) (next uint64, err error) {
	err = kept.View(ctx, func(tx store.Tx) error {
		b, err := tx.Get("figures.cursors", []byte(s.name()))
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
		return 0, fmt.Errorf("how far %s is counted: %w", s.name(), err)
	}
	return next, nil
}

// entries yields what the feed in a store says, in its order.
func entries(tx store.Tx) iter.Seq2[*feedv1.Entry, error] {
	return func(yield func(*feedv1.Entry, error) bool) {
		for kv, err := range tx.Scan("feed.entries", nil, nil) {
			e := &feedv1.Entry{}
			if err == nil && proto.Unmarshal(kv.Value, e) != nil {
				err = unreadable("feed.entries", kv.Key)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
