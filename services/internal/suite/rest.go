package suite

import (
	"context"
	"net/http"

	"github.com/duban-project/duban/gateway"
)

// Handler serves the REST API over this process's services.
func (s *Suite) Handler(ctx context.Context) (http.Handler, error) {
	return gateway.Handler(ctx, gateway.Backends{
		Organization: s.Client(), Feed: s.Client(), Clock: s.Client(),
	}, gateway.Options{AllowedOrigins: s.config.AllowedOrigins})
}
