package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/duban-project/duban/services/internal/fault"
)

func TestACallOverTCPIsShedBeforeItsStream(t *testing.T) {
	a := newAdmission(1)
	info := &tap.Info{FullMethodName: "/duban.x/Y", Header: metadata.Pairs("accept-language", "en")}
	tapped, service := a.tap(nil), a.tap(func(context.Context) string { return "campaign" })
	if _, err := tapped(t.Context(), info); err != nil {
		t.Fatalf("an idle process: %v", err)
	}
	_ = a.step(t.Context(), Call{}, func(ctx context.Context) error {
		_, err := tapped(ctx, info)
		if status.Code(err) != codes.ResourceExhausted || fault.As(FromStatus(err)).Retry != time.Second {
			t.Errorf("a busy process: %v", err)
		}
		if _, err := tapped(ctx, &tap.Info{FullMethodName: "/grpc.health.v1.Health/Check"}); err != nil {
			t.Errorf("a probe: %v", err)
		}
		if _, err := service(ctx, info); err != nil {
			t.Errorf("a service's call: %v", err)
		}
		return nil
	})
	if _, err := tapped(t.Context(), info); err != nil {
		t.Errorf("once the call has ended: %v", err)
	}
}

func TestAsManyAreToldToComeInASecondAsMayRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 10
		a, told := newAdmission(limit), map[time.Duration]int{}
		a.running.Store(limit)
		for range longest * limit * 2 {
			_, err := a.tap(nil)(t.Context(), &tap.Info{FullMethodName: "/duban.x/Y"})
			told[fault.As(FromStatus(err)).Retry]++
		}
		for wait := time.Second; wait < longest*time.Second; wait += time.Second {
			if n := told[wait]; n < limit-1 || n > limit+1 {
				t.Errorf("%d of %d are to come in %v, where %d may run", n, longest*limit*2, wait, limit)
			}
		}
		if len(told) != longest {
			t.Errorf("waits: %v", told)
		}
	})
}

// work is a service with two workers, of whom each takes five milliseconds a call.
type work struct {
	healthv1.UnimplementedHealthServer
	free chan struct{}
}

func (w *work) Check(ctx context.Context, _ *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.free:
	}
	defer func() { w.free <- struct{}{} }()
	<-time.After(5 * time.Millisecond)
	return &healthv1.HealthCheckResponse{}, nil
}

// offer calls at a rate, over some connections, for a while, and returns how many
// calls a second were answered well within a second of being made.
func offer(b *testing.B, at string, rate int, lasting time.Duration) float64 {
	b.Helper()
	var conns []*grpc.ClientConn
	for range 4 {
		conn, err := grpc.NewClient(at, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		conns = append(conns, conn)
	}
	var good atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for made := 0; time.Since(begun) < lasting; <-tick.C {
		for due := int(time.Since(begun).Seconds() * float64(rate)); made < due; made++ {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(b.Context(), time.Second)
				defer cancel()
				err := conns[made%len(conns)].Invoke(ctx, "/duban.work/Do", &healthv1.HealthCheckRequest{}, &healthv1.HealthCheckResponse{})
				if err == nil {
					good.Add(1)
				}
			})
		}
	}
	all.Wait()
	return float64(good.Load()) / lasting.Seconds()
}

// BenchmarkOverload tells what is left of the goodput at capacity when ten times
// as much is offered.
func BenchmarkOverload(b *testing.B) {
	for name, shed := range map[string]bool{"shed": true, "taken": false} {
		b.Run(name, func(b *testing.B) {
			at := overloaded(b, shed)
			for b.Loop() {
				peak := offer(b, at, 360, 2*time.Second)
				b.ReportMetric(peak, "peak/s")
				b.ReportMetric(offer(b, at, 3600, 4*time.Second)/peak, "kept")
			}
		})
	}
}

// overloaded serves work, behind the tap and the steps up to admission if shed.
func overloaded(b *testing.B, shed bool) string {
	b.Helper()
	w := &work{free: make(chan struct{}, 2)}
	w.free <- struct{}{}
	w.free <- struct{}{}
	a := newAdmission(64)
	var options []grpc.ServerOption
	if shed {
		steps := chain(statuses(slog.New(slog.DiscardHandler)), a.step)
		options = []grpc.ServerOption{grpc.InTapHandle(a.tap(nil)), grpc.UnaryInterceptor(steps.unary)}
	}
	server := grpc.NewServer(options...)
	desc := grpc.ServiceDesc{ServiceName: "duban.work", HandlerType: (*healthv1.HealthServer)(nil), Methods: healthv1.Health_ServiceDesc.Methods[:1]}
	desc.Methods = []grpc.MethodDesc{{MethodName: "Do", Handler: func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := &healthv1.HealthCheckRequest{}
		if err := dec(in); err != nil {
			return nil, err
		}
		do := func(ctx context.Context, req any) (any, error) {
			return srv.(healthv1.HealthServer).Check(ctx, req.(*healthv1.HealthCheckRequest))
		}
		if interceptor == nil {
			return do(ctx, in)
		}
		return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: "/duban.work/Do"}, do)
	}}}
	server.RegisterService(&desc, w)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	b.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			b.Error(err)
		}
	})
	return l.Addr().String()
}
