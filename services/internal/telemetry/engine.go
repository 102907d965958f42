package telemetry

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/duban-project/duban/services/internal/store"
)

// instruments measure all stores of the process.
type instruments struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
}

func newInstruments(registry *prometheus.Registry) instruments {
	i := instruments{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "duban_store_duration_seconds",
			Help:    "How long transactions took, waiting included.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 4, 9), // 50 µs to 3.3 s
		}, []string{"service", "operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "duban_store_errors_total",
			Help: "Transactions that did not succeed. Kind other is as a rule the caller's own refusal.",
		}, []string{"service", "operation", "kind"}),
	}
	registry.MustRegister(i.seconds, i.errors)
	return i
}

// Engine returns e, observed under the name of the service that it keeps: a span
// for each transaction, how long they take, and how many fail and why.
func (t *Telemetry) Engine(name string, e store.Engine) store.Engine {
	return &engine{
		Engine: e,
		view:   t.operation(name, "view", e.View),
		update: t.operation(name, "update", e.Update),
	}
}

type engine struct {
	store.Engine
	view, update operation
}

// View implements store.Engine.
func (e *engine) View(ctx context.Context, fn func(store.Tx) error) error { return e.view.run(ctx, fn) }

// Update implements store.Engine.
func (e *engine) Update(ctx context.Context, fn func(store.Tx) error) error {
	return e.update.run(ctx, fn)
}

// operation is one way to run a transaction. What does not change from one to
// the next is prepared.
type operation struct {
	do      func(context.Context, func(store.Tx) error) error
	span    string
	about   trace.SpanStartOption
	tracer  trace.Tracer
	seconds prometheus.Observer
	errors  *prometheus.CounterVec
}

func (t *Telemetry) operation(service, name string, do func(context.Context, func(store.Tx) error) error) operation {
	labels := prometheus.Labels{"service": service, "operation": name}
	failed := t.store.errors.MustCurryWith(labels)
	for _, kind := range kinds {
		failed.WithLabelValues(kind) // from 0 on: the first that fails is seen as a rise
	}
	return operation{
		do:      do,
		span:    "store." + name,
		about:   trace.WithAttributes(serviceKey.String(service)),
		tracer:  t.traces.Tracer(scope),
		seconds: t.store.seconds.With(labels),
		errors:  failed,
	}
}

func (o *operation) run(ctx context.Context, fn func(store.Tx) error) error {
	ctx, span := o.tracer.Start(ctx, o.span, o.about)
	defer span.End()
	defer prometheus.NewTimer(o.seconds).ObserveDuration()
	err := o.do(ctx, fn)
	if err != nil {
		o.fail(span, kind(err))
	}
	return err
}

func (o *operation) fail(span trace.Span, kind string) {
	o.errors.WithLabelValues(kind).Inc()
	span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	if kind != other {
		span.SetStatus(codes.Error, "")
	}
}

// other is what the transaction's own function returned, as a rule: a refusal is
// an answer, and no failure of the store.
const other = "other"

// kinds are all that kind returns.
var kinds = []string{"full", "unknown", "deadline", "cancelled", other}

func kind(err error) string {
	switch {
	case errors.Is(err, store.ErrFull):
		return "full"
	case errors.Is(err, store.ErrUnknown):
		return "unknown"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return other
}
