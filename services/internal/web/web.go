// Package web serves pages over HTTP: bounded in all that a client can make it hold, and
// so that a stop cuts nobody off who has still time to take leave. What is on the pages
// is its callers' business; gRPC is served by package serve.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/duban-project/duban/gateway"
)

// parting is how long a server that stops lets clients come at most, and then how long
// it answers those who have: who asks meanwhile is told that the connection ends, and
// nobody who has one finds it closed with a request on its way.
const parting = 250 * time.Millisecond

// Bounded is a server of pages, bounded in all that a client can make it hold.
func Bounded(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: gateway.MaxHeaderBytes,
	}
}

// Server is how pages are served.
type Server struct {
	// Grace is how long requests that run at a stop may go on.
	Grace time.Duration
	Log   *slog.Logger
}

// Serve serves until ctx is done, and then lets clients take their leave and running
// requests end.
func (s Server) Serve(ctx context.Context, h http.Handler, l net.Listener) error {
	v := &visitors{}
	server := Bounded(v.watched(h))
	server.ConnState = v.count
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
		defer cancel()
		v.part(grace, l)
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(l); ctx.Err() == nil {
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	if err := <-stopped; err != nil && !errors.Is(err, net.ErrClosed) { // the grace is over; part closed l
		s.Log.Warn("requests that ran longer than the grace were cut off", "address", l.Addr().String(), "error", err)
		return server.Close()
	}
	return nil
}

// visitors are the connections of a server.
type visitors struct {
	n       atomic.Int64
	parting atomic.Bool // each answer is the last on its connection
}

// count is told what becomes of connections.
func (v *visitors) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		v.n.Add(1)
	case http.StateClosed, http.StateHijacked:
		v.n.Add(-1)
	}
}

// part makes each answer the last on its connection, and gives clients the time to
// come once more, if there are any. Then it closes l, and gives those who have come the
// time to ask: a server that shuts down drops what it is asked by then.
func (v *visitors) part(ctx context.Context, l net.Listener) {
	v.parting.Store(true)
	v.wait(ctx)
	_ = l.Close() // Serve returns for it, or has
	v.wait(ctx)
}

// wait gives clients time, if there are any.
func (v *visitors) wait(ctx context.Context) {
	if v.n.Load() == 0 {
		return
	}
	select {
	case <-time.After(parting):
	case <-ctx.Done():
	}
}

// watched is h, whose answers say when they are the last.
func (v *visitors) watched(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&farewell{ResponseWriter: w, v: v}, r)
	})
}

// farewell is an answer that says whether it is the last when it begins, however
// long ago it was asked for.
type farewell struct {
	http.ResponseWriter
	v     *visitors
	begun bool
}

// begin is called before anything is written.
func (f *farewell) begin() {
	if !f.begun && f.v.parting.Load() {
		f.Header().Set("Connection", "close")
	}
	f.begun = true
}

// WriteHeader implements http.ResponseWriter.
func (f *farewell) WriteHeader(status int) {
	f.begin()
	f.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (f *farewell) Write(b []byte) (int, error) {
	f.begin()
	return f.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (f *farewell) Flush() {
	f.begin()
	_ = http.NewResponseController(f.ResponseWriter).Flush() // the next write has the error
}

// Unwrap lets http.ResponseController find what is beneath.
func (f *farewell) Unwrap() http.ResponseWriter { return f.ResponseWriter }
