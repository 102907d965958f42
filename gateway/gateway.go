// Package gateway serves the suite's REST API (接口网关): it turns HTTP and JSON
// into calls over the connections it is given, and shows the API's documentation.
//
// It decides nothing about the work and keeps no state: who may call, what is
// allowed and what comes of it is for the services to say. What it does itself is
// to refuse, before any call is made, whatever is not exactly a request of the
// contract. Listening, TLS and telemetry are for the process that mounts it, and
// so is the answer to what is no request at all (see MaxHeaderBytes).
package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	aggregationgw "github.com/duban-project/duban/gateway/internal/gen/duban/aggregation/v1"
	campaigngw "github.com/duban-project/duban/gateway/internal/gen/duban/campaign/v1"
	clockgw "github.com/duban-project/duban/gateway/internal/gen/duban/clock/v1"
	complaintgw "github.com/duban-project/duban/gateway/internal/gen/duban/complaint/v1"
	evaluationgw "github.com/duban-project/duban/gateway/internal/gen/duban/evaluation/v1"
	eventgw "github.com/duban-project/duban/gateway/internal/gen/duban/event/v1"
	federationgw "github.com/duban-project/duban/gateway/internal/gen/duban/federation/v1"
	feedgw "github.com/duban-project/duban/gateway/internal/gen/duban/feed/v1"
	organizationgw "github.com/duban-project/duban/gateway/internal/gen/duban/organization/v1"
	rectificationgw "github.com/duban-project/duban/gateway/internal/gen/duban/rectification/v1"
	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Backends are the connections to the services. None may be nil. Each MUST serve
// grpc.health.v1 for /readyz.
type Backends struct {
	Organization  grpc.ClientConnInterface
	Campaign      grpc.ClientConnInterface
	Rectification grpc.ClientConnInterface
	Evaluation    grpc.ClientConnInterface
	Complaint     grpc.ClientConnInterface
	Federation    grpc.ClientConnInterface
	Aggregation   grpc.ClientConnInterface
	Event         grpc.ClientConnInterface
	Clock         grpc.ClientConnInterface // takes the calls for the installation's clock
	Feed          grpc.ClientConnInterface // takes the calls for every service's feed
}

// All returns the backends of a process that serves everything over one
// connection.
func All(conn grpc.ClientConnInterface) Backends {
	return Backends{
		Organization: conn, Campaign: conn, Rectification: conn, Evaluation: conn,
		Complaint: conn, Federation: conn, Aggregation: conn, Event: conn, Clock: conn, Feed: conn,
	}
}

// services is the whole API: one line for each service.
func (b Backends) services() []service {
	return []service{
		bind("organization", b.Organization, organizationv1.OrganizationService_ServiceDesc, organizationv1.NewOrganizationServiceClient, organizationgw.RegisterOrganizationServiceHandlerClient),
		bind("campaign", b.Campaign, campaignv1.CampaignService_ServiceDesc, campaignv1.NewCampaignServiceClient, campaigngw.RegisterCampaignServiceHandlerClient),
		bind("rectification", b.Rectification, rectificationv1.RectificationService_ServiceDesc, rectificationv1.NewRectificationServiceClient, rectificationgw.RegisterRectificationServiceHandlerClient),
		bind("evaluation", b.Evaluation, evaluationv1.EvaluationService_ServiceDesc, evaluationv1.NewEvaluationServiceClient, evaluationgw.RegisterEvaluationServiceHandlerClient),
		bind("complaint", b.Complaint, complaintv1.ComplaintService_ServiceDesc, complaintv1.NewComplaintServiceClient, complaintgw.RegisterComplaintServiceHandlerClient),
		bind("federation", b.Federation, federationv1.FederationService_ServiceDesc, federationv1.NewFederationServiceClient, federationgw.RegisterFederationServiceHandlerClient),
		bind("aggregation", b.Aggregation, aggregationv1.AggregationService_ServiceDesc, aggregationv1.NewAggregationServiceClient, aggregationgw.RegisterAggregationServiceHandlerClient),
		bind("event", b.Event, eventv1.EventService_ServiceDesc, eventv1.NewEventServiceClient, eventgw.RegisterEventServiceHandlerClient),
		bind("clock", b.Clock, clockv1.ClockService_ServiceDesc, clockv1.NewClockServiceClient, clockgw.RegisterClockServiceHandlerClient),
		bind("feed", b.Feed, feedv1.FeedService_ServiceDesc, feedv1.NewFeedServiceClient, feedgw.RegisterFeedServiceHandlerClient),
	}
}

// Options change how the gateway serves. The zero Options are fit for use.
type Options struct {
	MaxBody        int64                        // bytes of a body; 0: 4 MiB
	MaxBodies      int64                        // bytes of all bodies at once; 0: 128 MiB, at least twice the largest
	MaxDepth       int                          // levels of JSON; 0: 64
	Timeout        time.Duration                // of a call; 0: one minute, twice what a reader of a feed may wait
	AllowedOrigins []string                     // origins whose pages may call, or "*"; empty: none (CORS is off)
	Simulated      bool                         // every answer says that the installation is a simulation
	Sandbox        bool                         // every answer says that the installation is a sandbox
	Network        func(netip.Addr) string      // hides the address of a client; what it returns goes on as the metadata duban-network; nil: nothing does
	TrustedProxies []netip.Prefix               // whose X-Forwarded-For is believed; empty: nobody's
	Reference      func() (Reference, error)    // what the pages for developers tell of the services' data; nil: nothing
	TraceID        func(context.Context) string // the trace of a request, as 32 hex digits, or ""; nil: there is no tracing
}

func (o Options) withDefaults() Options {
	if o.MaxBody == 0 {
		o.MaxBody = 4 << 20
	}
	if o.MaxBodies == 0 {
		o.MaxBodies = 128 << 20
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = 64
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.TraceID == nil {
		o.TraceID = func(context.Context) string { return "" }
	}
	return o
}

// Handler serves the REST API and its documentation. It fails if a backend is
// missing or the contract's routes contradict each other. It moves the deadlines of requests that have a
// body: the server that mounts it must set its own anew for each request (WriteTimeout).
func Handler(ctx context.Context, b Backends, o Options) (http.Handler, error) {
	o = o.withDefaults()
	mux := newMux()
	services := b.services()
	var contracts []protoreflect.ServiceDescriptor
	for _, s := range services {
		if s.conn == nil {
			return nil, fmt.Errorf("the gateway has no connection to %s", s.name)
		}
		contract, err := s.contract()
		if err != nil {
			return nil, err
		}
		contracts = append(contracts, contract)
		if err := s.register(ctx, mux); err != nil {
			return nil, fmt.Errorf("registering %s: %w", s.name, err)
		}
	}
	routes, err := route.New(contracts...)
	if err != nil {
		return nil, err
	}
	pages, err := newPages(services, o.Reference)
	if err != nil {
		return nil, err
	}
	return &front{options: o, pages: pages, api: &api{options: o, routes: routes, mux: mux, bodies: newBodies(o, mux, b)}}, nil
}

// service is one service of the API behind its connection.
type service struct {
	name     string
	conn     grpc.ClientConnInterface
	id       string // the full name in the contract
	register func(context.Context, *runtime.ServeMux) error
}

func bind[C any](
	name string, conn grpc.ClientConnInterface, desc grpc.ServiceDesc,
	client func(grpc.ClientConnInterface) C, register func(context.Context, *runtime.ServeMux, C) error,
) service {
	return service{name, conn, desc.ServiceName, func(ctx context.Context, mux *runtime.ServeMux) error {
		return register(ctx, mux, client(conn))
	}}
}

func (s service) contract() (protoreflect.ServiceDescriptor, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(s.id))
	if err != nil {
		return nil, fmt.Errorf("the contract of %s: %w", s.name, err)
	}
	contract, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no service", s.id)
	}
	return contract, nil
}

// newMux sets up generated code. Answers show every field that is not a message,
// also when it is zero or empty, so that portals need not tell absent from empty;
// messages that are absent are left out. Enums are names, 64-bit integers strings.
func newMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{Marshaler: &runtime.JSONPb{
			MarshalOptions: protojson.MarshalOptions{EmitDefaultValues: true},
		}}),
		runtime.WithIncomingHeaderMatcher(toMetadata),
		runtime.WithMetadata(networkOf),
		runtime.WithOutgoingHeaderMatcher(toHeader),
		runtime.WithOutgoingTrailerMatcher(nothing),
		runtime.WithForwardResponseOption(setETag),
		runtime.WithForwardResponseOption(setDisposition),
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			tellLimits(ctx, w)
			problem.Write(w, r, inputOf(ctx), err)
		}),
	)
}

// nothing lets no metadata of a service become a header.
func nothing(string) (string, bool) { return "", false }

// setETag gives an answer that is a resource its etag as a header, as If-Match
// takes it.
func setETag(_ context.Context, w http.ResponseWriter, m proto.Message) error {
	if r, ok := m.(interface{ GetEtag() string }); ok && r.GetEtag() != "" {
		w.Header().Set("ETag", `"`+r.GetEtag()+`"`)
	}
	return nil
}
