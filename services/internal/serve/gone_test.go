package serve

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// A stream whose caller has gone ends as cancelled, however its handler says so, and
// is no error of ours to be logged.
func TestAStreamThatItsCallerEndsIsNoErrorOfOurs(t *testing.T) {
	var log bytes.Buffer
	ended := make(chan error, 1)
	end := func(ctx context.Context, _ Call, next func(context.Context) error) error {
		err := next(ctx)
		ended <- err
		return err
	}
	for name, conn := range connections(t, &echo{}, end, statuses(slog.New(slog.NewTextHandler(&log, nil)))) {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			watch, err := healthv1.NewHealthClient(conn).Watch(ctx, &healthv1.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := watch.Recv(); err != nil {
				t.Fatal(err)
			}
			leave()
			if err := <-ended; status.Code(err) != codes.Canceled || log.Len() > 0 {
				t.Errorf("it ends by %v and logs %q", err, &log)
			}
		})
	}
}

// What another than the caller ended is one.
func TestAnEndThatNobodyAskedForIsLogged(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	leave()
	for _, c := range []struct {
		ctx    context.Context
		err    error
		want   codes.Code
		logged bool
	}{
		{left, fmt.Errorf("sending: %w", status.Error(codes.Canceled, "gone")), codes.Canceled, false},
		{left, fmt.Errorf("sending: %w", status.Error(codes.Unavailable, "transport is closing")), codes.Canceled, false},
		{left, fmt.Errorf("panic: a bug"), codes.Internal, true},
		{t.Context(), status.Error(codes.Canceled, "by whom?"), codes.Internal, true},
		{t.Context(), status.Error(codes.Unavailable, "another service"), codes.Internal, true},
	} {
		var log bytes.Buffer
		err := statuses(slog.New(slog.NewTextHandler(&log, nil)))(c.ctx, Call{}, func(context.Context) error { return c.err })
		if status.Code(err) != c.want || log.Len() > 0 != c.logged {
			t.Errorf("%v ends by %v and logs %q", c.err, err, &log)
		}
	}
}

// What gRPC's own services refuse is said as they say it, and is no error of ours:
// anybody may ask them anything.
func TestWhatGRPCsOwnServicesRefuseIsNotLogged(t *testing.T) {
	var log bytes.Buffer
	call := Call{Method: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"}
	for err, want := range map[error]codes.Code{
		status.Error(codes.InvalidArgument, "nothing is asked"): codes.InvalidArgument,
		fmt.Errorf("panic: a bug"):                              codes.Internal,
	} {
		log.Reset()
		got := statuses(slog.New(slog.NewTextHandler(&log, nil)))(t.Context(), call, func(context.Context) error { return err })
		if logged := log.Len() > 0; status.Code(got) != want || logged != (want == codes.Internal) {
			t.Errorf("%v ends by %v and logs %q", err, got, &log)
		}
	}
}
