package serve

import (
	"context"

	"google.golang.org/grpc"
)

// Call is one call on its way to a handler. Request and Answer are nil for streams;
// Answer has the answer once next has returned, and may be replaced.
type Call struct {
	Method  string
	Request any
	Answer  *any
}

// Step is one stage that every call passes, unary or stream. It calls next at
// most once and may change the context on the way in and the error on the way
// out.
type Step func(ctx context.Context, call Call, next func(context.Context) error) error

// chain runs the steps in order, the first outermost.
func chain(steps ...Step) Step {
	return func(ctx context.Context, call Call, next func(context.Context) error) error {
		for i := len(steps) - 1; i >= 0; i-- {
			step, inner := steps[i], next
			next = func(ctx context.Context) error { return step(ctx, call, inner) }
		}
		return next(ctx)
	}
}

func (s Step) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	err = s(ctx, Call{info.FullMethod, req, &resp}, func(ctx context.Context) (err error) {
		resp, err = handler(ctx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (s Step) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return s(ss.Context(), Call{Method: info.FullMethod}, func(ctx context.Context) error {
		return handler(srv, stream{ss, ctx})
	})
}

// stream is a ServerStream with the context that the steps made.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s stream) Context() context.Context { return s.ctx }
