package suite

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	aggregationserver "github.com/duban-project/duban/services/aggregation/server"
	campaignserver "github.com/duban-project/duban/services/campaign/server"
	complaintserver "github.com/duban-project/duban/services/complaint/server"
	evaluationserver "github.com/duban-project/duban/services/evaluation/server"
	eventserver "github.com/duban-project/duban/services/event/server"
	federationserver "github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/internal/change"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/store"
	organizationserver "github.com/duban-project/duban/services/organization/server"
	rectificationserver "github.com/duban-project/duban/services/rectification/server"
)

// A role is a service that a process runs, with a store and a feed of its own.
type role struct {
	name   string
	schema store.Schema
	build  func(context.Context, *Suite, *change.Book) (serve.Service, error)
}

// roles is the whole suite, in the order it is built.
var roles = []role{
	{"organization", organizationserver.Schema, organization},
	{"campaign", campaignserver.Schema, campaign},
	{"rectification", rectificationserver.Schema, rectification},
	{"evaluation", evaluationserver.Schema, evaluation},
	{"complaint", complaintserver.Schema, complaint},
	{"federation", federationserver.Schema, federated},
	{"aggregation", aggregationserver.Schema, aggregation}, // it follows the feeds of those before
	{"event", eventserver.Schema, event},                   // so does this, aggregation's too
}

// Called returns the roles that have a store, which other processes call: all but the gateway.
func Called() (names []string) {
	for _, r := range roles {
		names = append(names, r.name)
	}
	return names
}

// Roles returns what a process can be asked to run.
func Roles() []string { return append(Called(), Gateway) }

// Schema is what the role of that name keeps beside its feed.
func Schema(name string) store.Schema {
	for _, r := range roles {
		if r.name == name {
			return r.schema
		}
	}
	return store.Schema{}
}

func organization(ctx context.Context, s *Suite, book *change.Book) (_ serve.Service, err error) {
	service := organizationserver.New(book, s.directory, s.form(), organizationserver.Signs{Keys: s.config.Identity.KeysSign, Believed: s.config.Identity.Issuers.Believed})
	s.shown, s.readmit = service.Shown, service.Readmit
	if err := s.telemetry.Governed(counted(func(ctx context.Context) (uint64, error) { return service.GovernedUntil(ctx, s.directory.Root()) })); err != nil {
		return nil, err
	}
	if _, held := book.Log.Held(); held { // what is there, or was, has its administrators
		return service, nil
	}
	err = s.guarded("organization", func() error {
		s.Bootstrap, err = service.Bootstrap(ctx, s.secrets["organization"].Bootstrap())
		return err
	})
	return service, err
}

func campaign(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	return campaignserver.New(book, s.directory, s.config.Name(), feedv1.NewFeedServiceClient(s.Conn("campaign")), s.days)
}

func rectification(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	self := s.Conn("rectification")
	campaigns := rectificationserver.Remote{Client: campaignv1.NewCampaignServiceClient(self)}
	return rectificationserver.New(book, campaigns, feedv1.NewFeedServiceClient(self), s.directory, s.days), nil
}

// ballotsEvery is how often the ballot boxes of open rounds are looked at.
const ballotsEvery = time.Hour

func evaluation(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	figures := evaluationserver.Aggregation{Client: aggregationv1.NewAggregationServiceClient(s.Conn("evaluation"))}
	return evaluationserver.New(book, s.directory, figures, ballotsEvery)
}

func aggregation(_ context.Context, s *Suite, book *change.Book) (serve.Service, error) {
	feeds := feedv1.NewFeedServiceClient(s.Conn("aggregation"))
	service := aggregationserver.New(book, s.directory, feeds, s.days, s.followed("aggregation")...)
	service.Federate(federationv1.NewFederationServiceClient(s.Conn("aggregation")), s.config.Name())
	for feed, count := range service.Counted() {
		if err := s.telemetry.Counted(feed, count); err != nil {
			return nil, err
		}
	}
	return service, nil
}

// followed are the services of the suite whose feeds a role follows by itself.
func (s *Suite) followed(role string) []string {
	return slices.DeleteFunc(feedserver.Followed(role), func(name string) bool { return !s.present(name) })
}

// follower keeps the directory up to date while the process runs.
func (s *Suite) follower() serve.Service { return follower{s.directory.Follow} }

type follower struct {
	follow func(context.Context) error
}

// Register implements serve.Service: a follower has no methods.
func (follower) Register(grpc.ServiceRegistrar) {}

// Work implements serve.Worker.
func (f follower) Work(ctx context.Context) error { return f.follow(ctx) }
