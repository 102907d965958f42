package suite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrCommit says that a commit met an I/O error. The process must exit.
var ErrCommit = errors.New("a commit met an I/O error")

// Addresses are where a running process can be reached; nil where it does not
// listen.
type Addresses struct{ HTTP, GRPC, Metrics, Below net.Addr }

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
	handler, err := s.Handler(ctx)
	if err != nil {
		return err
	}
	listeners, err := listen(s.config.GRPC, s.config.HTTP, s.config.Metrics)
	if err != nil {
		return err
	}
	below, err := s.config.Federation.below()
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	rpc, rest, metrics := listeners[0], listeners[1], listeners[2]
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return s.process.Run(ctx, func() {
			ready(Addresses{HTTP: addr(rest), GRPC: addr(rpc), Metrics: addr(metrics), Below: addr(below)})
		}, given(rpc, below)...)
	})
	for l, h := range map[net.Listener]http.Handler{rest: handler, metrics: s.telemetry.Metrics} {
		if l != nil {
			g.Go(func() error { return s.serveHTTP(ctx, h, l) })
		}
	}
	return g.Wait()
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

// given returns those that are listeners.
func given(listeners ...net.Listener) []net.Listener {
	return slices.DeleteFunc(listeners, func(l net.Listener) bool { return l == nil })
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

// serveHTTP serves until ctx is done, and then lets running requests end.
func (s *Suite) serveHTTP(ctx context.Context, h http.Handler, l net.Listener) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Grace)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	if err := <-stopped; err != nil { // the grace is over
		s.Log().Warn("requests that ran longer than the grace were cut off", "address", l.Addr().String(), "error", err)
		return server.Close()
	}
	return nil
}
