package recount

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
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

// all takes in the feeds, each as far as kept has counted it.
func (c *count) all(ctx context.Context, kept store.Engine, sources []Source) error {
	settled := false
	for s := range inOrder(sources) {
		if !settled && s.Service != "organization" {
			c.settle()
			settled = true
		}
		c.below = c.below || s.Installation != "" && !settled
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

// tells says whether the feed may tell of what the entry is about: one of an installation
// below only of what its service keeps.
func (s Source) tells(e *feedv1.Entry) bool {
	kept := strings.HasPrefix(string(e.GetBody().MessageName()), "duban."+s.Service+".")
	return s.Installation == "" || e.GetBody() == nil || kept
}

// campaigns are the records that say which campaign is part of which: as it is
// now, also of the past.
var campaigns = (&campaignv1.Campaign{}).ProtoReflect().Descriptor().FullName()

// units are the records that say where a unit lies.
var units = (&organizationv1.Unit{}).ProtoReflect().Descriptor().FullName()

// at says whether an entry that took effect then counts: also one of later that enters a
// unit, which has always lain where it was entered, so that what took effect below before
// it was entered here counts there.
func (c *count) at(e *feedv1.Entry, effective *timestamppb.Timestamp) bool {
	return !c.later(effective) || e.GetBody().MessageName() == units && !c.tree.Lain(e.GetSubject())
}

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
		c.trail.entry(s, e)
		if !s.tells(e) {
			n++
			continue
		}
		if s.Service == "federation" || e.GetBody().MessageName() == campaigns || c.at(e, latest) {
			if err := c.take(s.Installation, e); err != nil {
				return fmt.Errorf("entry %d: %w", e.GetSeq(), err)
			}
		}
		n++
	}
	if n < next && next != all {
		return hold.Differ("%d entries are counted, and it has %d: it is older than the figures", next, n)
	}
	return nil
}

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
		b, there, err := store.Seek(tx, "figures.cursors", []byte(s.name()))
		switch {
		case err != nil || !there:
			return err
		case len(b) < 8:
			return hold.Differ("how far it is counted cannot be read")
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
				err = hold.Unreadable("feed.entries", kv.Key)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
