package serve

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
)

// worker is a service that works until it may not.
type worker struct{ rested chan struct{} }

func (worker) Register(grpc.ServiceRegistrar) {}

func (w worker) Work(ctx context.Context) error {
	<-ctx.Done()
	close(w.rested)
	return ctx.Err()
}

func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A call that is under way when the process is told to stop may need a worker,
// such as the one that keeps the directory, to come to its end.
func TestWorkersStopAfterTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(slog.New(slog.DiscardHandler), DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		p.Prepared = func(context.Context) error { return nil }
		w := worker{make(chan struct{})}
		if err := p.Add(w); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ran, call := make(chan error, 1), make(chan struct{})
		go func() { ran <- p.Run(ctx, func() {}) }()
		go func() { _ = p.flights.counted(t.Context(), Call{}, func(context.Context) error { <-call; return nil }) }()
		synctest.Wait()
		if ended(p.Stopping()) {
			t.Error("stopping before it was told to")
		}
		stop()
		synctest.Wait()
		if !ended(p.Stopping()) || ended(w.rested) {
			t.Errorf("with a call under way: stopping %v, worker stopped %v; want true, false", ended(p.Stopping()), ended(w.rested))
		}
		close(call)
		if err := <-ran; err != nil || !ended(w.rested) {
			t.Errorf("Run = %v, worker stopped %v", err, ended(w.rested))
		}
	})
}
