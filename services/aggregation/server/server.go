// Package server answers for figures and takes reports: it follows the feeds
// into the figures, reads them under the caller's right, and stores reports. What
// a record counts and what a report's row is worth is decided by the rules in
// package aggregation, how figures are kept by package figures. It does not ask
// the other services anything: what their feeds say is all it knows.
package server

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// Directory knows the units as they are now.
type Directory interface {
	Unit(name string) *organizationv1.Unit
	Children(name string) []string
	Subtree(name string) []string
	UnitAt(name string, t time.Time) *organizationv1.Unit
	SubtreeAt(name string, t time.Time) []string
}

// Service implements AggregationService.
type Service struct {
	aggregationv1.UnimplementedAggregationServiceServer

	book      *change.Book
	directory Directory
	followers []*follower
	reports   change.Kind[*aggregationv1.Report]
	sources   change.Kind[*aggregationv1.ReportSource]
	targets   change.Kind[*aggregationv1.Target]
	urges     change.Kind[*aggregationv1.Urge]
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Indexes: map[string][]string{
		"duban.aggregation.v1.Report":       {"unit"},
		"duban.aggregation.v1.ReportSource": {"unit"},
		"duban.aggregation.v1.Target":       {"unit"},
	},
	Buckets: slices.Concat(figures.Buckets, worklist.Buckets),
}

// New returns the service that writes in book and counts what the feeds of the
// named services say, organization's before all others'.
func New(book *change.Book, directory Directory, feeds feedv1.FeedServiceClient, services ...string) *Service {
	s := &Service{book: book, directory: directory}
	s.reports = change.Kind[*aggregationv1.Report]{
		Book: book, Unit: (*aggregationv1.Report).GetUnit,
	}
	s.sources = change.Kind[*aggregationv1.ReportSource]{
		Book: book, Unit: (*aggregationv1.ReportSource).GetUnit,
	}
	s.targets = change.Kind[*aggregationv1.Target]{Book: book, Unit: (*aggregationv1.Target).GetUnit}
	s.urges = change.Kind[*aggregationv1.Urge]{Book: book, Unit: (*aggregationv1.Urge).GetUnit}
	s.followers = newFollowers(book, feeds, services)
	return s
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	aggregationv1.RegisterAggregationServiceServer(r, s)
}

// Work follows the feeds until ctx is done.
func (s *Service) Work(ctx context.Context) error { return followAll(ctx, s.followers) }

// today is the civil day of the service's clock in China.
func (s *Service) today() string { return calendar.On(s.book.Now()).String() }
