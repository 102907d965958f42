package suite

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/duban-project/duban/gateway"
	"github.com/duban-project/duban/services/internal/telemetry"
)

// Handler serves the REST API over the installation's services.
func (s *Suite) Handler(ctx context.Context) (http.Handler, error) {
	h, err := gateway.Handler(ctx, s.backends(), gateway.Options{
		AllowedOrigins: s.config.AllowedOrigins, Simulated: s.Clock.Simulated(), Sandbox: s.sandbox, TraceID: telemetry.TraceID,
		Network: s.Process.Network, TrustedProxies: s.config.TrustedProxies, Reference: s.reference,
		MaxBodies: int64(s.config.Limits.Bodies),
	})
	if err != nil {
		return nil, err
	}
	return s.telemetry.HTTP(h), nil
}

// backends are the connections on which the gateway calls.
func (s *Suite) backends() gateway.Backends {
	if s.whole {
		return gateway.All(s.Client())
	}
	to := func(role string) grpc.ClientConnInterface { return s.network.To("", role) }
	return gateway.Backends{
		Organization: to("organization"), Campaign: to("campaign"), Rectification: to("rectification"),
		Evaluation: to("evaluation"), Complaint: to("complaint"), Federation: to("federation"), Aggregation: to("aggregation"),
		Event: to("event"),
		Clock: spread{s.Client(), to("organization")}, Feed: spread{s.Client(), to("organization")},
	}
}

// spread is a service that every role has a part in. Its health is that of the
// role on which all others depend.
type spread struct {
	grpc.ClientConnInterface
	first grpc.ClientConnInterface
}

// Invoke implements grpc.ClientConnInterface.
func (c spread) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	if method == healthv1.Health_Check_FullMethodName {
		return c.first.Invoke(ctx, method, req, resp, opts...)
	}
	return c.ClientConnInterface.Invoke(ctx, method, req, resp, opts...)
}
