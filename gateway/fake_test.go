package gateway

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// fake is all services at once; it remembers what reached it.
type fake struct {
	organizationv1.UnimplementedOrganizationServiceServer
	feedv1.UnimplementedFeedServiceServer
	clockv1.UnimplementedClockServiceServer
	aggregationv1.UnimplementedAggregationServiceServer

	mu   sync.Mutex
	last proto.Message
	md   metadata.MD
	err  error
}

func (f *fake) seen(ctx context.Context, req proto.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = req
	f.md, _ = metadata.FromIncomingContext(ctx)
	return f.err
}

func (f *fake) reset(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.md, f.err = nil, nil, err
}

func (f *fake) ExportStatus(ctx context.Context, req *aggregationv1.ExportStatusRequest) (*httpbody.HttpBody, error) {
	return &httpbody.HttpBody{ContentType: "text/csv; charset=utf-8", Data: []byte("单位,8\r\n")}, f.seen(ctx, req)
}

// GetCaller knows all but whoever has the key "nonsense". All are administrators but who
// has the key "viewer", or "narrowed", to complaints, or "retired".
func (f *fake) GetCaller(ctx context.Context, _ *organizationv1.GetCallerRequest) (*organizationv1.Caller, error) {
	said := metadata.ValueFromIncomingContext(ctx, "authorization")
	if slices.Contains(said, "Bearer nonsense") {
		return nil, status.Error(codes.Unauthenticated, "who?")
	}
	caller := &organizationv1.Caller{Principal: strings.Join(said, ""), Grants: []*organizationv1.RoleGrant{
		{Role: accessv1.Role_ROLE_SYSTEM_ADMIN}, {Role: accessv1.Role_ROLE_SECURITY_ADMIN},
	}}
	switch caller.GetPrincipal() {
	case "Bearer viewer":
		caller.Grants = []*organizationv1.RoleGrant{{Role: accessv1.Role_ROLE_VIEWER}}
	case "Bearer retired":
		caller.Grants, caller.Dormant = nil, caller.Grants
	case "Bearer narrowed":
		caller.Scopes = []string{"complaint:write"}
	}
	return caller, nil
}

func (f *fake) CreateUnit(ctx context.Context, req *organizationv1.CreateUnitRequest) (*organizationv1.Unit, error) {
	return &organizationv1.Unit{Name: "units/" + req.GetUnitId(), Kind: req.GetUnit().GetKind(), Etag: "1"}, f.seen(ctx, req)
}

func (f *fake) GetUnit(ctx context.Context, req *organizationv1.GetUnitRequest) (*organizationv1.Unit, error) {
	return &organizationv1.Unit{Name: req.GetName(), Etag: "7"}, f.seen(ctx, req)
}

func (f *fake) UpdateUnit(ctx context.Context, req *organizationv1.UpdateUnitRequest) (*organizationv1.Unit, error) {
	return req.GetUnit(), f.seen(ctx, req)
}

func (f *fake) UpdateMember(ctx context.Context, req *organizationv1.UpdateMemberRequest) (*organizationv1.Member, error) {
	return req.GetMember(), f.seen(ctx, req)
}

func (f *fake) ListUnits(ctx context.Context, req *organizationv1.ListUnitsRequest) (*organizationv1.ListUnitsResponse, error) {
	return &organizationv1.ListUnitsResponse{}, f.seen(ctx, req)
}

func (f *fake) MoveUnit(ctx context.Context, req *organizationv1.MoveUnitRequest) (*organizationv1.Unit, error) {
	return &organizationv1.Unit{Name: req.GetName()}, f.seen(ctx, req)
}

func (f *fake) ArchiveUnit(ctx context.Context, req *organizationv1.ArchiveUnitRequest) (*organizationv1.Unit, error) {
	return &organizationv1.Unit{Name: req.GetName()}, f.seen(ctx, req)
}

func (f *fake) RotateApiKey(ctx context.Context, req *organizationv1.RotateApiKeyRequest) (*organizationv1.IssuedApiKey, error) {
	return &organizationv1.IssuedApiKey{}, f.seen(ctx, req)
}

func (f *fake) DeleteRoleGrant(ctx context.Context, req *organizationv1.DeleteRoleGrantRequest) (*organizationv1.RoleGrant, error) {
	return &organizationv1.RoleGrant{Name: req.GetName()}, f.seen(ctx, req)
}

func (f *fake) GetProof(ctx context.Context, req *feedv1.GetProofRequest) (*feedv1.Proof, error) {
	return &feedv1.Proof{Size: req.GetSize()}, f.seen(ctx, req)
}

func (f *fake) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest) (*feedv1.ListRecordsResponse, error) {
	return &feedv1.ListRecordsResponse{Size: 5}, f.seen(ctx, req)
}

// start serves f and its health over a connection in memory, with f behind every
// backend.
func start(t testing.TB, f *fake, o Options) (http.Handler, *health.Server) {
	t.Helper()
	server, healthy := grpc.NewServer(), health.NewServer()
	organizationv1.RegisterOrganizationServiceServer(server, f)
	feedv1.RegisterFeedServiceServer(server, f)
	clockv1.RegisterClockServiceServer(server, f)
	aggregationv1.RegisterAggregationServiceServer(server, f)
	grpc_health_v1.RegisterHealthServer(server, healthy)
	conn := connect(t, server)
	h, err := Handler(t.Context(), All(conn), o)
	if err != nil {
		t.Fatal(err)
	}
	return h, healthy
}

func connect(t testing.TB, server *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(64 << 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends by Stop
	}()
	conn, err := grpc.NewClient("passthrough:memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-done
	})
	return conn
}
