package suite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrCommit says that a commit met an I/O error. The process must exit.
var ErrCommit = errors.New("a commit met an I/O error")

// Addresses are where a running process can be reached; nil where it does not
// listen.
type Addresses struct{ HTTP, GRPC net.Addr }

// Run serves until ctx is done, a worker fails or a commit does. Ready is called
// once calls are answered.
func (s *Suite) Run(ctx context.Context, ready func(Addresses)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-s.failed:
			cancel(fmt.Errorf("%w: %w", ErrCommit, err))
		case <-ctx.Done():
		}
	}()
	err := s.run(ctx, ready)
	if cause := context.Cause(ctx); errors.Is(cause, ErrCommit) {
		return cause
	}
	return err
}

func (s *Suite) run(ctx context.Context, ready func(Addresses)) error {
	var at Addresses
	var rpc []net.Listener
	if s.config.GRPC != "" {
		l, err := net.Listen("tcp", s.config.GRPC)
		if err != nil {
			return err
		}
		at.GRPC, rpc = l.Addr(), append(rpc, l)
	}
	var rest net.Listener
	if s.config.HTTP != "" {
		l, err := net.Listen("tcp", s.config.HTTP)
		if err != nil {
			return errors.Join(err, closeAll(rpc))
		}
		at.HTTP, rest = l.Addr(), l
	}
	handler, err := s.Handler(ctx)
	if err != nil {
		return errors.Join(err, closeAll(rpc))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.process.Run(ctx, func() { ready(at) }, rpc...) })
	if rest != nil {
		g.Go(func() error { return s.serveHTTP(ctx, handler, rest) })
	}
	return g.Wait()
}

func closeAll(listeners []net.Listener) (err error) {
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
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
	if err := <-stopped; err != nil {
		return errors.Join(fmt.Errorf("stopping %s: %w", l.Addr(), err), server.Close())
	}
	return nil
}
