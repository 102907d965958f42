package server

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/aggregation/joins"
	"github.com/duban-project/duban/services/aggregation/lower"
	"github.com/duban-project/duban/services/internal/feed"
)

// federation is the service whose feed says which units of installations below
// are in the tree.
const federation = "federation"

// own is this service, whose feed from below tells of reports.
const own = "aggregation"

// lookEvery is how often it is looked which logs of installations below there
// are, and when they were heard of.
const lookEvery = 2 * time.Second

// below is what is counted of installations below.
type below struct {
	list federationv1.FederationServiceClient
	home string    // this installation's name
	tree *follower // of federation's feed

	mu      sync.Mutex
	sources map[string]*source // by feed
	looked  *looked            // as they are; nil after a change
}

// looked are the sources from below as they were looked up last. It is not changed.
type looked struct {
	list []source // in the order of their feeds
	// tell are those that tell of reports, by the installation that keeps them and by
	// the unit here that is its root.
	tell map[string][]source
}

// source is a feed of an installation below.
type source struct {
	*follower
	mirror *federationv1.Mirror // as it was looked up last
}

// watch follows every feed from below that counts, from when it is first seen,
// until ctx is done.
func (s *Service) watch(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for {
			if err := s.discover(ctx, g); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "looking for feeds from below", "error", err)
			}
			if err := feed.Pause(ctx, lookEvery); err != nil {
				return err
			}
		}
	})
	return g.Wait()
}

// discover looks at all mirrors once, and lets g follow those that are new.
func (s *Service) discover(ctx context.Context, g *errgroup.Group) error {
	req := &federationv1.ListMirrorsRequest{Parent: "installations/-", PageSize: 1000}
	for {
		page, err := s.below.list.ListMirrors(ctx, req)
		if err != nil {
			return err
		}
		for _, m := range page.GetMirrors() {
			if f := s.seen(m); f != nil {
				g.Go(func() error { return f.follow(ctx) })
			}
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return nil
		}
	}
}

// seen notes how a mirror stands. It returns who is to follow its feed, if nobody
// does yet.
func (s *Service) seen(m *federationv1.Mirror) *follower {
	installation, service, _ := strings.Cut(m.GetName(), "/mirrors/")
	counts := func(f *follower) bool { return f.service == service && service != count.Organization }
	if service != own && !slices.ContainsFunc(s.followers, counts) {
		return nil
	}
	s.below.mu.Lock()
	defer s.below.mu.Unlock()
	name := strings.TrimPrefix(m.GetFeed(), "feeds/")
	s.below.looked = nil
	if known := s.below.sources[name]; known != nil {
		known.mirror = m
		return nil
	}
	from := count.Source{Feed: name, Installation: installation, Root: m.GetUnit()}
	f := newFollower(s.book, s.followers[0].feeds, from, s.trees()...)
	if s.below.sources == nil {
		s.below.sources = map[string]*source{}
	}
	s.below.sources[name] = &source{f, m}
	return f
}

// all returns the sources from below in the order of their feeds. The list is not to be
// changed.
func (b *below) all() []source { return b.look().list }

// look returns the sources from below; they are copied once after each look at the mirrors.
func (b *below) look() *looked {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.looked != nil {
		return b.looked
	}
	l := &looked{tell: map[string][]source{}}
	for _, name := range slices.Sorted(maps.Keys(b.sources)) {
		src := *b.sources[name]
		l.list = append(l.list, src)
		if src.service == own {
			l.tell[src.Installation] = append(l.tell[src.Installation], src)
			l.tell[src.Root] = append(l.tell[src.Root], src)
		}
	}
	b.looked = l
	return l
}

// readBelow says of each feed from below how much of it is counted, if what it
// says is in the unit's figures or the unit's figures are in what it says. Those
// of siblings are neither.
func (v *view) readBelow() error {
	for _, src := range v.below.all() {
		if !v.concerns(src.Root) {
			continue
		}
		part, err := v.partOf(src)
		if err != nil {
			return err
		}
		v.freshness = append(v.freshness, v.then(part))
		v.provisional[src.service] = v.provisional[src.service] || !part.Current
	}
	return nil
}

func (v *view) concerns(root string) bool {
	return slices.Contains(v.directory.Path(root), v.query.Unit) || slices.Contains(v.directory.Path(v.query.Unit), root)
}

// joined are the campaigns of installations below that count with one.
func (v *view) joined(campaign string) (list []string, err error) {
	if campaign == "" || v.below.list == nil {
		return nil, nil
	}
	if list, ok := v.joins[campaign]; ok {
		return list, nil
	}
	roots := map[string]string{}
	for _, src := range v.below.all() {
		roots[src.Installation] = src.Root
	}
	list, err = joins.Read(v.tx, v.below.home, campaign, func(installation, below string) bool {
		return roots[installation] != "" && slices.Contains(v.directory.Path(roots[below]), roots[installation])
	})
	v.joins[campaign] = list
	return list, err
}

// partOf is how fresh the part of a source is.
func (v *view) partOf(src source) (*aggregationv1.Freshness, error) {
	cursor, err := cursors.Read(v.tx, src.Feed)
	if err != nil {
		return nil, err
	}
	withheld, err := lower.ReadWithheld(v.tx, src.Feed)
	part := &aggregationv1.Freshness{
		Service: src.service, Installation: src.Installation, Unit: src.Root, Withheld: withheld,
		Size: max(src.mirror.GetSize(), cursor.Next), Cursor: cursor.Next, HeardAgo: src.mirror.GetHeardAgo(),
		Silent: src.mirror.GetState() == federationv1.Mirror_STATE_SILENT || src.mirror.GetState() == federationv1.Mirror_STATE_REVOKED,
	}
	if cursor.Next > 0 {
		part.NewestAt, part.NewestEffective = timestamppb.New(cursor.At), timestamppb.New(cursor.Effective)
	}
	part.Current = part.Size == cursor.Next && src.mirror.GetState() == federationv1.Mirror_STATE_ACTIVE
	return part, err
}
