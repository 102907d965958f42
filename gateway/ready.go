package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
)

const probeTimeout = 2 * time.Second

// ready asks every backend by grpc.health.v1 whether it serves, all at once. The
// answer is 200 if all do, else 503, and says which do not.
func ready(services []service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		all, backends := probe(ctx, services)
		w.Header().Set("Content-Type", "application/json")
		if !all {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(struct {
			Ready    bool              `json:"ready"`
			Backends map[string]string `json:"backends"`
		}{all, backends}) // a client that has gone needs no answer
	})
}

// probe returns whether all serve, and the standing of each.
func probe(ctx context.Context, services []service) (bool, map[string]string) {
	var group sync.WaitGroup
	standings := make([]string, len(services))
	for i, s := range services {
		group.Go(func() {
			standings[i] = "UNREACHABLE"
			answer, err := grpc_health_v1.NewHealthClient(s.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
			if err == nil {
				standings[i] = answer.GetStatus().String()
			}
		})
	}
	group.Wait()
	all, backends := true, map[string]string{}
	for i, s := range services {
		backends[s.name] = standings[i]
		all = all && standings[i] == grpc_health_v1.HealthCheckResponse_SERVING.String()
	}
	return all, backends
}
