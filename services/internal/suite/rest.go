package suite

import (
	"context"
	"net/http"

	"github.com/duban-project/duban/gateway"
	"github.com/duban-project/duban/services/internal/telemetry"
)

// Handler serves the REST API over this process's services.
func (s *Suite) Handler(ctx context.Context) (http.Handler, error) {
	h, err := gateway.Handler(ctx, gateway.All(s.Client()), gateway.Options{
		AllowedOrigins: s.config.AllowedOrigins, Simulated: s.Clock.Simulated(), TraceID: telemetry.TraceID,
		Network: s.process.Network, TrustedProxies: s.config.TrustedProxies,
	})
	if err != nil {
		return nil, err
	}
	return s.telemetry.HTTP(h), nil
}
