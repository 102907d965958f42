package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
)

// sink is a collector.
type sink struct {
	collectorv1.UnimplementedTraceServiceServer
	got chan *collectorv1.ExportTraceServiceRequest
}

func (s sink) Export(_ context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	s.got <- r
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

// start sets up telemetry as cmd does.
func start(t *testing.T, endpoint string) *bed {
	c := Default
	c.OTLPEndpoint, c.OTLPInsecure, c.Sample = endpoint, true, 1
	tel, err := Setup(t.Context(), c, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{Telemetry: tel}
	b.serve(t, inProcess)
	return b
}

func TestShutdownSendsWhatIsLeft(t *testing.T) {
	s := sink{got: make(chan *collectorv1.ExportTraceServiceRequest, 8)}
	g, l := grpc.NewServer(), listen(t)
	collectorv1.RegisterTraceServiceServer(g, s)
	go func() { _ = g.Serve(l) }()
	defer g.Stop()

	b := start(t, l.Addr().String())
	b.get(t, "zhang-san", caller)
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(s.got)
	text := ""
	for r := range s.got { // what took long may have come before
		text += prototext.Format(r)
	}
	if !strings.Contains(text, "GET /v1/units/{unit}") || !strings.Contains(text, "store.update") {
		t.Errorf("the collector got %s", text)
	}
	for _, p := range personal {
		if strings.Contains(text, p) {
			t.Errorf("the collector was told %q", p)
		}
	}
}

func TestSilentWithoutEndpoint(t *testing.T) {
	l := listen(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
	b := start(t, "")
	if got := b.get(t, "1", "").Body.String(); len(got) != 32 {
		t.Errorf("TraceID = %q, want one", got)
	}
	if got := b.get(t, "1", caller).Body.String(); got != callerTrace {
		t.Errorf("TraceID = %q, want the caller's", got)
	}
	if _, span := b.traces.Tracer(scope).Start(t.Context(), "call"); span.IsRecording() {
		t.Error("spans are recorded that go nowhere")
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(100 * time.Millisecond))
	if conn, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Accept = %v, %v: somebody called", conn, err)
	}
}

func TestRequestsOutliveACollectorThatIsAway(t *testing.T) {
	l := listen(t)
	_ = l.Close()
	b := start(t, l.Addr().String())
	if w := b.get(t, "1", caller); w.Code != http.StatusOK || w.Body.String() != callerTrace {
		t.Errorf("a request gets %d %s", w.Code, w.Body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown = %v, want that its time is over", err)
	}
	if w := b.get(t, "1", ""); w.Code != http.StatusOK {
		t.Errorf("after Shutdown a request gets %d", w.Code)
	}
}

// away is a collector that cannot be reached.
type away struct{ sdktrace.SpanExporter }

func (away) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	return errors.New("nobody answers")
}

func TestLostSpansAreLogged(t *testing.T) {
	line := logged(t, func(l *slog.Logger) {
		if err := (private{away{}, l}).ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 3)); err != nil {
			t.Errorf("what is logged is returned too: %v", err)
		}
	})
	if line["count"] != 3.0 || line["error"] != "nobody answers" {
		t.Errorf("log = %v", line)
	}
}

func TestSetupRefusesMistakes(t *testing.T) {
	if err := Default.Check(); err != nil {
		t.Errorf("the default: %v", err)
	}
	for key, spoil := range map[string]func(*Config){
		"log_level":     func(c *Config) { c.LogLevel = "loud" },
		"otlp_endpoint": func(c *Config) { c.OTLPEndpoint = "http://collector:4317" },
		"service":       func(c *Config) { c.Service = "" },
		"sample":        func(c *Config) { c.Sample = math.NaN() },
	} {
		c := Default
		spoil(&c)
		if _, err := Setup(t.Context(), c, io.Discard); err == nil || !strings.HasPrefix(err.Error(), "telemetry."+key+":") {
			t.Errorf("%s: %v", key, err)
		}
	}
	all := Config{LogLevel: "loud", OTLPEndpoint: ":4317", Sample: 2}.Check()
	if got := strings.Count(all.Error(), "\n") + 1; got != 4 {
		t.Errorf("%d mistakes of 4: %v", got, all)
	}
}

func TestLogLevel(t *testing.T) {
	for text, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		c := Default
		c.LogLevel = text
		tel, err := Setup(t.Context(), c, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if !tel.Log.Enabled(t.Context(), want) || tel.Log.Enabled(t.Context(), want-1) {
			t.Errorf("%s does not log from %v on", text, want)
		}
	}
}
