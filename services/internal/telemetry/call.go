package telemetry

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Handlers returns what observes calls where they are served, at a door that anybody
// may come to and between our own, and where they are made. Those of both sides are
// needed on a connection, in process too: the client's passes the trace on, the
// server's takes it up.
func (t *Telemetry) Handlers() (public, server, client stats.Handler) {
	options := func(p ids) []otelgrpc.Option {
		return []otelgrpc.Option{
			otelgrpc.WithTracerProvider(t.traces),
			otelgrpc.WithMeterProvider(t.meters),
			otelgrpc.WithPropagators(p),
			otelgrpc.WithFilter(declared),
		}
	}
	public = begun{otelgrpc.NewServerHandler(options(ids{public: true})...)}
	return public, begun{otelgrpc.NewServerHandler(options(ids{})...)}, begun{otelgrpc.NewClientHandler(options(ids{})...)}
}

// declared says whether a call is of the contract. Others are refused anyway,
// and their names are the caller's invention: as labels they would fill memory.
func declared(call *stats.RPCTagInfo) bool {
	service, method, _ := strings.Cut(strings.TrimPrefix(call.FullMethodName, "/"), "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return false
	}
	s, ok := d.(protoreflect.ServiceDescriptor)
	return ok && s.Methods().ByName(protoreflect.Name(method)) != nil
}

// begun completes the end of calls in process: the channel does not say when
// they began, and they would seem to last for centuries.
type begun struct{ stats.Handler }

type beginKey struct{}

// TagRPC implements stats.Handler.
func (b begun) TagRPC(ctx context.Context, call *stats.RPCTagInfo) context.Context {
	return context.WithValue(b.Handler.TagRPC(ctx, call), beginKey{}, new(time.Time))
}

// HandleRPC implements stats.Handler.
func (b begun) HandleRPC(ctx context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.Begin:
		if at, ok := ctx.Value(beginKey{}).(*time.Time); ok {
			*at = s.BeginTime
		}
	case *stats.End:
		if at, ok := ctx.Value(beginKey{}).(*time.Time); ok && s.BeginTime.IsZero() {
			s.BeginTime = *at
		}
	}
	b.Handler.HandleRPC(ctx, s)
}

// HTTP observes the requests that next serves, from anybody. It takes up the trace of
// a W3C traceparent, by its id alone, or begins one. The route is what next leaves as Pattern in the
// request it was given, as http.ServeMux does; without it there is none.
func (t *Telemetry) HTTP(next http.Handler) http.Handler {
	return otelhttp.NewHandler(routed(next), "HTTP",
		otelhttp.WithTracerProvider(t.traces),
		otelhttp.WithMeterProvider(t.meters),
		otelhttp.WithPropagators(ids{public: true}))
}

// routed adds the route to the span once it is known; otelhttp itself puts it
// in the span's name and in the metrics alone.
func routed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if i := strings.IndexByte(r.Pattern, '/'); i >= 0 {
			trace.SpanFromContext(r.Context()).SetAttributes(semconv.HTTPRoute(r.Pattern[i:]))
		}
	})
}
