package suite

import (
	"context"
	"net/http"
)

func (s *Suite) Handler(ctx context.Context) (http.Handler, error) { return http.NotFoundHandler(), nil }
