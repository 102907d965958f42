package main

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// admins are the keys that the tests call with: the administrators' and that of
// a clerk, who is named.
type admins struct{ system, security, auditor, clerk, name string }

// initialize sets up an installation that was started for the first time.
func initialize(t *testing.T, d *child) admins {
	t.Helper()
	return initializeWith(t, d, d.bootstrap())
}

// bootstrap returns the bootstrap key that the child prints.
func (d *child) bootstrap() string {
	d.t.Helper()
	select {
	case key := <-d.keys:
		return key
	case <-time.After(patience):
		d.t.Fatalf("no bootstrap key was printed:\n%s", d.log)
		return ""
	}
}

func initializeWith(t *testing.T, d *child, key string) admins {
	t.Helper()
	return initializeOn(t, d.dial(), key)
}

func initializeOn(t *testing.T, conn *grpc.ClientConn, key string) admins {
	t.Helper()
	answer, err := caller{conn, admins{system: key}}.org().Initialize(t.Context(), &organizationv1.InitializeRequest{
		Root:        &organizationv1.Unit{DisplayName: "某省教育厅", Kind: organizationv1.Unit_KIND_PROVINCE},
		RootId:      "root",
		SystemAdmin: "系统管理员", SecurityAdmin: "安全管理员", Auditor: "审计员",
	})
	if err != nil {
		t.Fatalf("initializing: %v", err)
	}
	keys := admins{system: answer.GetSystemAdmin().GetSecret(), security: answer.GetSecurityAdmin().GetSecret(), auditor: answer.GetAuditor().GetSecret()}
	return caller{conn, keys}.enter(t)
}

// enter makes the clerk.
func (c caller) enter(t *testing.T) admins {
	t.Helper()
	m, err := c.org().CreateMember(t.Context(), &organizationv1.CreateMemberRequest{Parent: "units/root", Member: &organizationv1.Member{DisplayName: "经办人"}})
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.security().CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: m.GetName()}})
	if err != nil {
		t.Fatal(err)
	}
	c.admins.clerk, c.admins.name = k.GetSecret(), m.GetName()
	return c.admins
}

// caller calls a child with the keys.
type caller struct {
	conn *grpc.ClientConn
	admins
}

// dial connects to the child by gRPC.
func (d *child) dial() *grpc.ClientConn {
	d.t.Helper()
	return dial(d.t, d.grpc)
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // some close it before
	return conn
}

// as returns the child's caller.
func (d *child) as(keys admins) caller { return caller{d.dial(), keys} }

func (c caller) org() organizationv1.OrganizationServiceClient {
	return organizationv1.NewOrganizationServiceClient(keyed{c.conn, c.admins.system})
}

func (c caller) security() organizationv1.OrganizationServiceClient {
	return organizationv1.NewOrganizationServiceClient(keyed{c.conn, c.admins.security})
}

func (c caller) problems() rectificationv1.RectificationServiceClient {
	return rectificationv1.NewRectificationServiceClient(keyed{c.conn, c.clerk})
}

func (c caller) figures() aggregationv1.AggregationServiceClient {
	return aggregationv1.NewAggregationServiceClient(keyed{c.conn, c.clerk})
}

func (c caller) feed() feedv1.FeedServiceClient {
	return feedv1.NewFeedServiceClient(keyed{c.conn, c.auditor})
}

// keyed adds a key to every call.
type keyed struct {
	grpc.ClientConnInterface
	key string
}

func (k keyed) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+k.key)
	return k.ClientConnInterface.Invoke(ctx, method, req, resp, opts...)
}
