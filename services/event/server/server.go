// Package server serves EventService: it follows the feeds of all services, tells
// their events to those who may read them, and sends them to webhooks. The order
// of the events is kept by package order. Whose an event is and what becomes of a
// webhook is decided by the rules in package event. It keeps no resource of another
// service and asks none about one: what their feeds say is all that it knows.
package server

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/event/secret"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// Parts are what the service is built from beside its book.
type Parts struct {
	Tree order.Tree
	// Feeds answers for the feeds of Services, such as "rectification".
	Feeds    feedv1.FeedServiceClient
	Services []string
	// Self is called in the service's own name.
	Self eventv1.EventServiceClient
	// Targets says which addresses may be called, and Sender calls them.
	Targets Targets
	Sender  Sender
	// Vault encrypts the secrets of webhooks.
	Vault *secret.Vault
	// Jitter is a random number from 0 to 1, by which retries are spread.
	Jitter func() float64
	// Counted is told what came of each try of a delivery: "delivered", "failed" or
	// "given_up".
	Counted func(result string)
	// Stopping is closed when the process begins to stop: nobody waits for events
	// from then on.
	Stopping <-chan struct{}
}

// Targets says whether an address may be registered.
type Targets interface {
	Check(ctx context.Context, url string) error
}

// Service implements EventService.
type Service struct {
	eventv1.UnimplementedEventServiceServer
	Parts

	book     *change.Book
	rung     *bell // by events that are durable
	webhooks change.Kind[*eventv1.Webhook]
	table    store.Table[*eventv1.Webhook] // the same, for those who work without a caller
	types    []event.Type
	listing  *authz.Method
	heard    *heard
	troubles *troubles
}

// webhookTable has the records of webhooks.
const webhookTable = "duban.event.v1.Webhook"

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Forms:   forms,
	Buckets: slices.Concat(order.Buckets, []string{queuesBucket, deliveriesBucket, secretsBucket}),
}

// New returns the service that writes in book.
func New(book *change.Book, parts Parts) (*Service, error) {
	methods, err := authz.Methods(eventv1.EventService_ServiceDesc.ServiceName)
	if err != nil {
		return nil, err
	}
	troubles := &troubles{of: map[string]eventv1.Webhook_Trouble{}}
	return &Service{
		Parts: parts, book: book, rung: newBell(), listing: methods[listing],
		heard: &heard{behind: map[string]uint64{}}, troubles: troubles, types: event.Types(),
		webhooks: change.Kind[*eventv1.Webhook]{Book: book, May: mayWebhook, Gone: deleted, Show: troubles.show},
		table:    store.Table[*eventv1.Webhook]{Bucket: webhookTable, Key: (*eventv1.Webhook).GetName},
	}, nil
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) { eventv1.RegisterEventServiceServer(r, s) }

// Work follows the feeds and sends to webhooks until ctx is done.
func (s *Service) Work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range s.Services {
		g.Go(func() error { return s.follow(ctx, name) })
	}
	g.Go(func() error { return s.dispatch(ctx) })
	return g.Wait()
}
