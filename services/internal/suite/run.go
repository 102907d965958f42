package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/web"
)

// ErrCommit says that a commit met an I/O error. The process must exit.
var ErrCommit = errors.New("a commit met an I/O error")

// Addresses are where a running process can be reached; nil where it does not
// listen.
type Addresses struct{ HTTP, GRPC, Metrics, Peers, Below net.Addr }

// Run serves until ctx is done, a worker fails or a commit does. Ready is called
// once calls are answered.
func (s *Suite) Run(ctx context.Context, ready func(Addresses)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx, ready) }()
	select {
	case err := <-s.failed:
		cancel()
		return errors.Join(fmt.Errorf("%w: %w", ErrCommit, err), <-ended)
	case err := <-ended:
		return errors.Join(s.failure(), err)
	}
}

// failure is what became of commits while nobody waited for it any more: a
// process that was stopping has failed all the same.
func (s *Suite) failure() error {
	select {
	case err := <-s.failed:
		return fmt.Errorf("%w: %w", ErrCommit, err)
	default:
		return nil
	}
}

func (s *Suite) run(ctx context.Context, ready func(Addresses)) error {
	rest, rpc := s.config.HTTP, s.config.GRPC
	if !s.here(Gateway) { // clients have no business here
		rest, rpc = "", ""
	}
	listeners, err := listen(rpc, rest, s.config.Metrics, s.config.Peers.Listen)
	if err != nil {
		return err
	}
	if s.peers != nil {
		listeners[3] = s.peers
	}
	below, err := s.below()
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	for i, l := range listeners[:2] { // those of clients
		if l != nil {
			listeners[i] = netutil.LimitListener(l, s.config.Limits.Connections)
		}
	}
	at := Addresses{GRPC: addr(listeners[0]), HTTP: addr(listeners[1]), Metrics: addr(listeners[2]), Peers: addr(listeners[3]), Below: addr(below.Listener)}
	pages, err := s.pages(ctx, listeners[1], listeners[2])
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.offer(ctx) })
	g.Go(func() error {
		return s.Process.Run(ctx, func() { ready(at) }, s.doors(listeners[0], listeners[3], below)...)
	})
	server := web.Server{Grace: s.config.Grace, Log: s.Log()}
	for l, h := range pages {
		g.Go(func() error { return server.Serve(ctx, h, l) })
	}
	return g.Wait()
}

// doors are where clients, other processes and installations below call, as far as
// there are listeners.
func (s *Suite) doors(clients, peers net.Listener, below serve.Door) (doors []serve.Door) {
	if clients != nil {
		d := serve.Door{Listener: clients}
		if !s.whole {
			d.To = s.Client()
		}
		doors = append(doors, d)
	}
	if peers != nil {
		d := s.peerDoor()
		d.Listener = peers
		doors = append(doors, d)
	}
	if below.Listener != nil {
		doors = append(doors, below)
	}
	return doors
}

// pages are what is served over HTTP, as far as there are listeners.
func (s *Suite) pages(ctx context.Context, rest, metrics net.Listener) (map[net.Listener]http.Handler, error) {
	pages := map[net.Listener]http.Handler{}
	if metrics != nil {
		pages[metrics] = s.operators()
	}
	if rest != nil {
		h, err := s.Handler(ctx)
		if err != nil {
			return nil, err
		}
		pages[rest] = h
	}
	return pages, nil
}

// operators are the pages about this process, whatever roles it runs.
func (s *Suite) operators() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.telemetry.Metrics)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", s.ready)
	return mux
}

// ready says whether this process serves, and which roles that is about: others are
// asked themselves. A log that is held is named with the reason, and takes nothing away
// from being ready: what can be read still is.
func (s *Suite) ready(w http.ResponseWriter, r *http.Request) {
	status, is := http.StatusOK, healthv1.HealthCheckResponse_SERVING
	if !s.Process.Ready(r.Context()) {
		status, is = http.StatusServiceUnavailable, healthv1.HealthCheckResponse_NOT_SERVING
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": is.String(), "roles": s.roles, "held": s.held()}) // who has gone needs no answer
}

// held are the roles whose logs make no entries, and why.
func (s *Suite) held() map[string]string {
	roles := map[string]string{}
	for role, src := range s.feeds {
		if why, held := src.Log.Held(); held {
			roles[role] = why
		}
	}
	return roles
}

// listen opens the addresses, all or none; an empty one gives no listener.
func listen(addresses ...string) ([]net.Listener, error) {
	listeners := make([]net.Listener, len(addresses))
	for i, address := range addresses {
		if address == "" {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, errors.Join(err, closeAll(listeners))
		}
		listeners[i] = l
	}
	return listeners, nil
}

func addr(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

func closeAll(listeners []net.Listener) (err error) {
	for _, l := range listeners {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}
