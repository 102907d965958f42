// Package server serves FederationService: it enrols lower installations, takes
// the logs that they push, and keeps them as mirrors. What of a log is believed
// is decided by package federation; how entries stand in a log, by package feed.
// It does not read what the entries say: package witness does, where that decides
// about logs. It does not push upward: package push does; and what is known above of
// this installation's own logs package own keeps.
package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/evidence"
	"github.com/duban-project/duban/services/federation/own"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/federation/streams"
	"github.com/duban-project/duban/services/federation/witness"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// Directory knows the units as they are now, those of installations below
// included; Subtree has only those kept here.
type Directory interface {
	Unit(name string) *organizationv1.Unit
	Subtree(name string) []string
	Root() string
	CatchUp(context.Context) error
}

// Parts are what the service is made of beside its book.
type Parts struct {
	Tree Directory
	// Cosigner signs what is durable here.
	Cosigner federation.Cosigner
	// Silence is how long a log may not be heard of before it is called silent.
	Silence time.Duration
	// Own are the installation's own logs, for receipts.
	Own own.Logs
	// Urges says what installations below are to be told that was urged; nil: nothing.
	Urges aggregationv1.UrgeServiceClient
	// Simulated says that time here is made up: only then are simulations below believed.
	Simulated bool
	// Stopping is closed when the process begins to stop: streams end then.
	Stopping <-chan struct{}
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	First:   2,
	Buckets: []string{rows.Table.Bucket, evidence.Bucket, witness.Bucket, witness.HeardBucket, own.Bucket, rows.Prefix},
	Forms:   map[string]store.Form{witness.HeardBucket: witness.HeardForm, own.Bucket: own.Form},
}

// Service implements FederationService.
type Service struct {
	federationv1.UnimplementedFederationServiceServer

	book          *change.Book
	parts         Parts
	installations change.Kind[*federationv1.Installation]
	mirrors       mirrors
	witness       witness.Witness
	strangers     streams.Strangers
	streams       streams.Open
	refused       streams.Refused
}

// New returns the service that writes in book.
func New(book *change.Book, parts Parts) *Service {
	s := &Service{book: book, parts: parts}
	s.installations = change.Kind[*federationv1.Installation]{Book: book, Unit: (*federationv1.Installation).GetUnit}
	s.witness = witness.Witness{Book: book, Tree: parts.Tree}
	s.mirrors = mirrors{open: map[string]*mirror{}}
	return s
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	federationv1.RegisterFederationServiceServer(r, s)
}

// Clones is how often it was noticed, since the process began, that two processes were
// the same installation at once (克隆).
func (s *Service) Clones() int64 { return s.streams.Clones() }

// Refused is how often who came as an installation that is enrolled was not believed, since the
// process began, by code: once a minute at most of each.
func (s *Service) Refused() map[federationv1.Code]int64 { return s.refused.Told() }

// Unsigned is how many greetings came, since the process began, that no key of the installation
// has signed as which they came.
func (s *Service) Unsigned() int64 { return s.refused.Strangers() }

// Names returns the feeds of all mirrors, such as "510104.rectification": what is
// relayed upward beside the installation's own.
func (s *Service) Names(ctx context.Context) ([]federation.Upward, error) {
	return rows.Names(ctx, s.book.Store)
}
