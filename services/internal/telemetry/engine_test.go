package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/storetest"
)

func TestEngineKeepsThePromises(t *testing.T) {
	b := lay(t, inProcess)
	storetest.Run(t, func(tb testing.TB) store.Engine { return b.Engine("organization", openBolt(tb)) })
}

// full is an engine whose disk is full. It notes in which span it was asked.
type full struct {
	store.Engine
	asked trace.SpanContext
}

func (f *full) Update(ctx context.Context, _ func(store.Tx) error) error {
	f.asked = trace.SpanContextFromContext(ctx)
	return fmt.Errorf("writing: %w", store.ErrFull)
}

func TestEngineCountsWhatFails(t *testing.T) {
	b := lay(t, inProcess)
	disk := &full{Engine: openBolt(t)}
	e := b.Engine("campaign", disk)
	errRefused := errors.New("refused")
	if err := e.View(t.Context(), func(store.Tx) error { return errRefused }); !errors.Is(err, errRefused) {
		t.Errorf("View = %v, want what its function returned", err)
	}
	if err := e.Update(t.Context(), nil); !errors.Is(err, store.ErrFull) {
		t.Errorf("Update = %v, want ErrFull", err)
	}

	page := b.page(t)
	if got := sample(t, page, "duban_store_errors_total", "campaign", "view", `kind="other"`); got != 1 {
		t.Errorf("refusals = %v", got)
	}
	if got := sample(t, page, "duban_store_errors_total", "campaign", "update", `kind="full"`); got != 1 {
		t.Errorf("full = %v", got)
	}
	spans := b.recorded(t, 2)
	if want := spans["internal store.update"].SpanContext; !disk.asked.Equal(want) {
		t.Errorf("the engine was asked in span %v, want %v", disk.asked, want)
	}
	got := map[string]codes.Code{}
	for name, s := range spans {
		got[name] = s.Status.Code
	}
	if diff := cmp.Diff(map[string]codes.Code{"internal store.view": codes.Unset, "internal store.update": codes.Error}, got); diff != "" {
		t.Error(diff)
	}
}

// TestFailuresAreShownBeforeThereAreAny: of a series that begins with the first
// failure, Prometheus sees no rise.
func TestFailuresAreShownBeforeThereAreAny(t *testing.T) {
	b := lay(t, inProcess)
	b.Engine("campaign", openBolt(t))
	page := b.page(t)
	for _, operation := range []string{"view", "update"} {
		for _, kind := range []string{"full", "unknown", "deadline", "cancelled", "other"} {
			if got := sample(t, page, "duban_store_errors_total", "campaign", operation, `kind="`+kind+`"`); got != 0 {
				t.Errorf("%s %s = %v", operation, kind, got)
			}
		}
	}
}

func TestKind(t *testing.T) {
	for want, err := range map[string]error{
		"full":      store.ErrFull,
		"unknown":   fmt.Errorf("committing: %w", store.ErrUnknown),
		"deadline":  context.DeadlineExceeded,
		"cancelled": errors.Join(context.Canceled, errors.New("more")),
		"other":     store.ErrNotFound,
	} {
		if got := kind(err); got != want {
			t.Errorf("kind(%v) = %q, want %q", err, got, want)
		}
	}
}

// idle is an engine that does nothing, so that only the decorator is measured.
type idle struct{ store.Engine }

func (idle) Update(context.Context, func(store.Tx) error) error { return nil }

// BenchmarkEngine measures what the decorator adds to a transaction: in a
// process without collector, in a trace that is not recorded, in one that is.
func BenchmarkEngine(b *testing.B) {
	sampled, unsampled := Default, Default
	sampled.Sample, unsampled.Sample = 1, 0
	sampled.OTLPEndpoint, unsampled.OTLPEndpoint = "127.0.0.1:9", "127.0.0.1:9"
	for _, c := range []struct {
		name   string
		config Config
	}{{"silent", Default}, {"unsampled", unsampled}, {"sampled", sampled}} {
		b.Run(c.name, func(b *testing.B) {
			t, err := Setup(b.Context(), c.config, io.Discard)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
				cancel() // nobody is there to take the spans
				_ = t.Shutdown(ctx)
			})
			e := t.Engine("organization", idle{})
			ctx, span := t.traces.Tracer(scope).Start(b.Context(), "call")
			defer span.End()
			b.ReportAllocs()
			for b.Loop() {
				_ = e.Update(ctx, nil)
			}
		})
	}
}
