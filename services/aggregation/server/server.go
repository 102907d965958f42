// Package server answers for figures and takes reports: it follows the feeds
// into the figures, reads them under the caller's right, and stores reports. What
// a record counts and what a report's row is worth is decided by the rules in
// package aggregation; package count counts it, and package figures keeps it. It
// does not ask the other services anything: what their feeds say is all it knows.
package server

import (
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/desk"
	"github.com/duban-project/duban/services/aggregation/dues"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/joins"
	"github.com/duban-project/duban/services/aggregation/lower"
	"github.com/duban-project/duban/services/aggregation/urging"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// Directory knows the units as they are now.
type Directory interface {
	desk.Directory
	Children(name string) []string
	UnitAt(name string, t time.Time) *organizationv1.Unit
	SubtreeAt(name string, t time.Time) []string
	Whole(name string) []string
	Heir(name string) string
	Merges(name string) []string
	Installation(name string) string
	People
}

// People knows who is where on a day, YYYY-MM-DD.
type People interface {
	// Office is the post by which the member is in office in the unit, or nil.
	Office(member, unit, day string) *organizationv1.Post
	// Standing are the paths of where the principal belongs or holds a role, and what was
	// merged into the units of them.
	Standing(principal, day string) [][]string
}

// unimplemented stands one step further away than desk and ledger, whose methods
// come before its own.
type unimplemented struct {
	aggregationv1.UnimplementedAggregationServiceServer
}

// Service implements AggregationService.
type Service struct {
	unimplemented
	*desk.Desk     // the methods that are about what was reported
	*dues.Ledger   // and about what is owed
	*urging.Urging // and that urges the late

	book      *change.Book
	directory Directory
	followers []*follower
	below     below
	targets   change.Kind[*aggregationv1.Target]
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Indexes: indexes(),
	Buckets: slices.Concat(figures.Buckets, joins.Buckets, lower.Buckets, worklist.Buckets, desk.Buckets),
	First:   11, // since a complaint that nobody accepts is late by its limit to be finished too
}

func indexes() map[string][]string {
	all := maps.Clone(desk.Indexes)
	maps.Copy(all, dues.Indexes)
	maps.Copy(all, urging.Indexes)
	all["duban.aggregation.v1.Target"] = []string{"unit"}
	return all
}

// New returns the service that writes in book and counts what the feeds of the
// named services say, organization's before all others'.
func New(book *change.Book, directory Directory, feeds feedv1.FeedServiceClient, days *calendar.Calendar, services ...string) *Service {
	s := &Service{book: book, directory: directory}
	s.Ledger = dues.New(book, directory, days)
	s.Desk = desk.New(book, kept{directory, s}, s.Ledger, s.hearCampaigns)
	s.Urging = urging.New(book, directory, s.Ledger, s.shown)
	s.targets = change.Kind[*aggregationv1.Target]{Book: book, Unit: (*aggregationv1.Target).GetUnit, Over: true}
	s.followers = newFollowers(book, feeds, services)
	for _, f := range s.followers {
		if f.Feed == count.Organization || f.Feed == count.Campaigns || f.Feed == own {
			f.counts = s.Stir // what rows wait for may have come, or reports with what is to be done on them
		}
	}
	return s
}

// Federate lets the service count the feeds of installations below too, which
// mirrors lists. home is the name of this one there, such as installations/510104.
// It MUST be called before Work, or not at all.
func (s *Service) Federate(mirrors federationv1.FederationServiceClient, home string) {
	s.below.list, s.below.home = mirrors, home
	s.Urging.Home = home
	s.Ledger.Federate(told{s})
	s.below.tree = newFollower(s.book, s.followers[0].feeds, count.Source{Feed: federation})
	for _, f := range s.followers[1:] {
		f.trees = s.trees()
	}
}

// kept is the directory for who enters figures: it is up to date when the tree is
// too by which figures are kept.
type kept struct {
	Directory
	service *Service
}

// CatchUp implements desk.Directory.
func (k kept) CatchUp(ctx context.Context) error {
	if err := k.Directory.CatchUp(ctx); err != nil {
		return err
	}
	return awaitAll(ctx, k.service.trees())
}

// hearCampaigns returns when all that campaigns have told before now is counted.
func (s *Service) hearCampaigns(ctx context.Context) error {
	for _, f := range s.followers {
		if f.Feed == count.Campaigns {
			return f.await(ctx)
		}
	}
	return nil
}

// trees are the followers of the feeds that tell of the tree by which figures are
// kept.
func (s *Service) trees() []*follower {
	if s.below.tree == nil {
		return s.followers[:1]
	}
	return []*follower{s.followers[0], s.below.tree}
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	aggregationv1.RegisterAggregationServiceServer(r, s)
	aggregationv1.RegisterUrgeServiceServer(r, s.Urging)
}

// Work follows the feeds, and goes on with long reports, until ctx is done.
func (s *Service) Work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return followAll(ctx, s.followers) })
	g.Go(func() error { return s.Desk.Work(ctx) })
	if s.below.list != nil {
		g.Go(func() error { return s.below.tree.follow(ctx) })
		g.Go(func() error { return s.watch(ctx) })
	}
	return g.Wait()
}

// Counted returns, by service, what tells how many entries of its feed the figures
// count.
func (s *Service) Counted() map[string]func() uint64 {
	counts := map[string]func() uint64{}
	for _, f := range s.followers {
		counts[f.service] = func() uint64 {
			next, _ := f.reached()
			return next
		}
	}
	return counts
}
