package telemetry

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// serviceKey is the service whose store a span is about.
const serviceKey = attribute.Key("duban.service")

// kept is the list of what may be said of a call, in spans and in metrics. None
// of it is chosen by a caller: routes are patterns, methods are the contract's.
func kept(a attribute.KeyValue) bool {
	switch a.Key {
	case semconv.HTTPRequestMethodKey, semconv.HTTPRouteKey, semconv.HTTPResponseStatusCodeKey,
		semconv.RPCSystemNameKey, semconv.RPCMethodKey, semconv.RPCResponseStatusCodeKey,
		semconv.ErrorTypeKey, serviceKey:
		return true
	}
	return false
}

// collector returns the way to the configured collector. It connects when the
// first spans are sent.
func collector(ctx context.Context, c Config) (sdktrace.SpanExporter, error) {
	options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(c.OTLPEndpoint)}
	if c.OTLPInsecure {
		options = append(options, otlptracegrpc.WithInsecure())
	}
	return otlptracegrpc.New(ctx, options...)
}

func newTraces(about *resource.Resource, share float64, exporter sdktrace.SpanExporter, log *slog.Logger) *sdktrace.TracerProvider {
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(about),
		sdktrace.WithoutPanicRecording(),
		sdktrace.WithSampler(sdktrace.NeverSample()),
	}
	if exporter != nil {
		options = append(options,
			sdktrace.WithSampler(newSampler(share)),
			sdktrace.WithBatcher(private{exporter, log}))
	}
	return sdktrace.NewTracerProvider(options...)
}

// private exports spans without what they must not say. Spans that cannot be
// sent are lost; the log says so.
type private struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans implements sdktrace.SpanExporter.
func (p private) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	bared := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		bared[i] = bare{s}
	}
	if err := p.SpanExporter.ExportSpans(ctx, bared); err != nil {
		p.log.WarnContext(ctx, "spans are lost", "count", len(spans), "error", err)
	}
	return nil
}

// bare is a span without free text and without attributes that are not kept.
type bare struct{ sdktrace.ReadOnlySpan }

// Attributes returns those that are kept.
func (b bare) Attributes() []attribute.KeyValue {
	var some []attribute.KeyValue
	for _, a := range b.ReadOnlySpan.Attributes() {
		if kept(a) {
			some = append(some, a)
		}
	}
	return some
}

// Status is without its description, which is an error's text.
func (b bare) Status() sdktrace.Status { return sdktrace.Status{Code: b.ReadOnlySpan.Status().Code} }

// Events returns none: they hold errors and stacks.
func (bare) Events() []sdktrace.Event { return nil }

// Links returns none.
func (bare) Links() []sdktrace.Link { return nil }

// sampler records the operator's share of the traces. What was decided when a trace
// began holds for all of it, in every process; but who calls at a public door decides
// nothing: neither by the flag that it sends nor by the id that it chooses.
type sampler struct {
	sdktrace.Sampler
	begins sdktrace.Sampler
}

func newSampler(share float64) sampler {
	begins := sdktrace.TraceIDRatioBased(share)
	return sampler{sdktrace.ParentBased(begins), begins}
}

// ShouldSample implements sdktrace.Sampler.
func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	foreign, _ := p.ParentContext.Value(foreignKey{}).(bool)
	if !foreign || !trace.SpanContextFromContext(p.ParentContext).IsRemote() {
		return s.Sampler.ShouldSample(p)
	}
	binary.BigEndian.PutUint64(p.TraceID[8:], rand.Uint64()) // what it is decided by
	return s.begins.ShouldSample(p)
}

// foreignKey is whether the trace of a context came through a public door.
type foreignKey struct{}

// ids passes on W3C trace context without its tracestate, in which a caller may
// write what it likes.
type ids struct {
	propagation.TraceContext
	public bool // whether anybody may have sent it
}

// Extract implements propagation.TextMapPropagator.
func (p ids) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	ctx = context.WithValue(p.TraceContext.Extract(ctx, carrier), foreignKey{}, p.public)
	c := trace.SpanContextFromContext(ctx)
	if c.TraceState().Len() == 0 {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, c.WithTraceState(trace.TraceState{}))
}
