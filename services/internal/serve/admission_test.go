package serve

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
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
