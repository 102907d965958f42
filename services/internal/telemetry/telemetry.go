// Package telemetry makes what a process says about itself: logs, traces and
// metrics (日志、链路、指标). It sets up slog, OpenTelemetry and Prometheus once
// and is the only room that imports the OpenTelemetry SDK or the Prometheus
// client. Others log through slog and know nothing of spans.
//
// Nothing that it writes says who called or what was said: a span or a metric
// carries the attributes that [kept] lists and no others, and a log line carries
// none of those that [secret] names. Who did what to which record is for the
// feed; counting calls for limits is for package serve; profiles are for cmd.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope names the spans that this package starts.
const scope = "github.com/duban-project/duban/services/internal/telemetry"

// Telemetry observes one process. It changes nothing global, so a program may
// hold several.
type Telemetry struct {
	// Log writes one JSON object a line. Lines that are written with the context
	// of a call carry its trace_id and span_id.
	Log *slog.Logger

	// Metrics serves the metrics in Prometheus' text format. It is for the
	// operators' network: it asks nobody who they are.
	Metrics http.Handler

	traces   *sdktrace.TracerProvider
	meters   *sdkmetric.MeterProvider
	registry *prometheus.Registry
	store    instruments
}

// Setup starts the telemetry of a process, with its log on out. It makes no
// connection: whether a collector answers at OTLPEndpoint shows only in the log.
// It fails if c has a mistake. The caller MUST call Shutdown.
func Setup(ctx context.Context, c Config, out io.Writer) (*Telemetry, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.OTLPEndpoint == "" {
		return setup(c, out, nil)
	}
	exporter, err := collector(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("preparing the export of traces: %w", err)
	}
	return setup(c, out, exporter)
}

// setup sends spans to exporter; nil means that none are recorded.
func setup(c Config, out io.Writer, exporter sdktrace.SpanExporter) (*Telemetry, error) {
	about := resource.NewSchemaless(semconv.ServiceName(c.Service))
	registry := prometheus.NewRegistry()
	meters, err := newMeters(about, registry)
	if err != nil {
		return nil, fmt.Errorf("preparing metrics: %w", err)
	}
	log := newLog(out, c.level())
	return &Telemetry{
		Log:      log,
		Metrics:  page(registry, log),
		traces:   newTraces(about, c.Sample, exporter, log),
		meters:   meters,
		registry: registry,
		store:    newInstruments(registry),
	}, nil
}

// Shutdown sends what was recorded and not yet sent, for as long as ctx allows,
// and then records no more. Calls that still run are not disturbed.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if err := errors.Join(t.traces.Shutdown(ctx), t.meters.Shutdown(ctx)); err != nil {
		return fmt.Errorf("ending telemetry: %w", err)
	}
	return nil
}

// TraceID returns the trace that ctx belongs to, as 32 hexadecimal digits, or ""
// if there is none. The gateway answers with it as X-Request-Id.
func TraceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.HasTraceID() {
		return c.TraceID().String()
	}
	return ""
}
