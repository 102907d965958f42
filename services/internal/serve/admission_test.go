package serve

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/seat"
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

// TestWhoWaitsShutsOutNobody, up to as many as may wait: from there on they take
// the places of those who run.
func TestWhoWaitsShutsOutNobody(t *testing.T) {
	const limit = 3
	a, news := newAdmission(limit), make(chan struct{})
	var all sync.WaitGroup
	waiting := func() {
		sat := make(chan struct{})
		all.Go(func() {
			_ = a.step(t.Context(), Call{}, func(ctx context.Context) error {
				_ = seat.Leave(ctx)
				_ = seat.Leave(ctx) // again, as in a loop
				close(sat)
				<-news
				return nil
			})
		})
		<-sat
	}
	idle := func(context.Context) error { return nil }
	for range waiters*limit + limit {
		if err := a.step(t.Context(), Call{}, idle); err != nil {
			t.Fatalf("a call beside %d who wait: %v", a.waiting.Load(), err)
		}
		waiting()
	}
	if err := a.step(t.Context(), Call{}, idle); err == nil {
		t.Error("there is no end to those who wait")
	}
	close(news)
	all.Wait()
	if r, w := a.running.Load(), a.waiting.Load(); r != 0 || w != 0 {
		t.Errorf("afterwards %d run and %d wait", r, w)
	}
}
