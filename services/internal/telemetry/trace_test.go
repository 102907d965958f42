package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

const (
	caller      = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	callerTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// personal is what the requests of these tests hold and nobody may find again.
var personal = []string{"203.0.113.7", "198.51.100.9", "Curious-Browser", "13800138000", "zhang-san", "张三", "portal.example", "vendor-note"}

// health is a service that keeps its state in a store.
type health struct {
	healthv1.UnimplementedHealthServer
	log   *slog.Logger
	store store.Engine
}

func (h health) Check(ctx context.Context, r *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	h.log.InfoContext(ctx, "checked")
	err := h.store.Update(ctx, func(tx store.Tx) error { return tx.Put("b", []byte("k"), []byte("v")) })
	if r.GetService() == "zhang-san" {
		err = status.Error(codes.Internal, "张三 is unknown")
	}
	return &healthv1.HealthCheckResponse{}, err
}

// bed is a gateway, a service and a store under one telemetry.
type bed struct {
	*Telemetry
	spans *tracetest.InMemoryExporter
	log   *bytes.Buffer
	http  http.Handler
}

type transport func(testing.TB, *Telemetry, healthv1.HealthServer) grpc.ClientConnInterface

func inProcess(_ testing.TB, t *Telemetry, s healthv1.HealthServer) grpc.ClientConnInterface {
	_, server, client := t.Handlers()
	channel := new(inprocgrpc.Channel).WithServerStatsHandler(server).WithClientStatsHandler(client)
	healthv1.RegisterHealthServer(channel, s)
	return channel
}

func overTCP(tb testing.TB, t *Telemetry, s healthv1.HealthServer) grpc.ClientConnInterface {
	_, server, client := t.Handlers()
	g := grpc.NewServer(grpc.StatsHandler(server))
	healthv1.RegisterHealthServer(g, s)
	l := listen(tb)
	go func() { _ = g.Serve(l) }()
	tb.Cleanup(g.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithStatsHandler(client), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func listen(tb testing.TB) net.Listener {
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

func openBolt(tb testing.TB) store.Engine {
	e, err := bolt.Open(filepath.Join(tb.TempDir(), "db"), bolt.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = e.Close() })
	return e
}

// lay makes a bed that records every trace.
func lay(t *testing.T, over transport) *bed { return sampling(t, over, 1) }

// sampling makes a bed that records that share of the traces.
func sampling(t *testing.T, over transport, share float64) *bed {
	b := &bed{spans: tracetest.NewInMemoryExporter(), log: new(bytes.Buffer)}
	c := Default
	c.Sample = share
	var err error
	if b.Telemetry, err = setup(c, b.log, b.spans); err != nil {
		t.Fatal(err)
	}
	b.serve(t, over)
	return b
}

func (b *bed) serve(t *testing.T, over transport) {
	t.Cleanup(func() { _ = b.Shutdown(context.WithoutCancel(t.Context())) })
	service := health{log: b.Log, store: b.Engine("organization", openBolt(t))}
	client := healthv1.NewHealthClient(over(t, b.Telemetry, service))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/units/{unit}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := client.Check(r.Context(), &healthv1.HealthCheckRequest{Service: r.PathValue("unit")}); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, TraceID(r.Context()))
	})
	b.http = b.HTTP(mux)
}

// get asks for a unit as a browser would whose owner is known.
func (b *bed) get(t *testing.T, unit, traceparent string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://portal.example/v1/units/"+unit+"?phone=13800138000", nil)
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("X-Forwarded-For", "198.51.100.9")
	r.Header.Set("User-Agent", "Curious-Browser")
	if traceparent != "" {
		r.Header.Set("Traceparent", traceparent)
		r.Header.Set("Tracestate", "v=vendor-note")
	}
	w := httptest.NewRecorder()
	b.http.ServeHTTP(w, r)
	return w
}

// recorded waits for n spans and returns them by kind and name: a
// server's ends after its client has the answer.
func (b *bed) recorded(t *testing.T, n int) map[string]tracetest.SpanStub {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(b.spans.GetSpans()) < n {
		if err := b.traces.ForceFlush(ctx); err != nil {
			t.Fatalf("%d spans, want %d: %v", len(b.spans.GetSpans()), n, err)
		}
	}
	named := map[string]tracetest.SpanStub{}
	for _, s := range b.spans.GetSpans() {
		named[s.SpanKind.String()+" "+s.Name] = s
	}
	return named
}

func (b *bed) page(t *testing.T) string {
	w := httptest.NewRecorder()
	b.Metrics.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("metrics: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func everyTransport(t *testing.T, test func(*testing.T, transport)) {
	t.Run("inProcess", func(t *testing.T) { test(t, inProcess) })
	t.Run("TCP", func(t *testing.T) { test(t, overTCP) })
}

func TestOneTraceFromGatewayToStore(t *testing.T) {
	everyTransport(t, func(t *testing.T, over transport) {
		b := lay(t, over)
		if got := b.get(t, "1", caller).Body.String(); got != callerTrace {
			t.Errorf("TraceID = %q, want the caller's %s", got, callerTrace)
		}
		spans := b.recorded(t, 4)
		parent := "00f067aa0ba902b7"
		for _, name := range []string{
			"server GET /v1/units/{unit}", "client grpc.health.v1.Health/Check",
			"server grpc.health.v1.Health/Check", "internal store.update",
		} {
			s, ok := spans[name]
			if !ok {
				t.Fatalf("no span %q in %v", name, slices.Collect(maps.Keys(spans)))
			}
			if got := s.SpanContext.TraceID().String(); got != callerTrace {
				t.Errorf("%s is in trace %s, want %s", name, got, callerTrace)
			}
			if got := s.Parent.SpanID().String(); got != parent {
				t.Errorf("the parent of %s = %s, want %s", name, got, parent)
			}
			parent = s.SpanContext.SpanID().String()
		}
		b.loggedIn(t, spans["server grpc.health.v1.Health/Check"])
	})
}

// loggedIn checks that the service's line carries the ids of its span.
func (b *bed) loggedIn(t *testing.T, s tracetest.SpanStub) {
	t.Helper()
	var line struct {
		Msg   string `json:"msg"`
		Trace string `json:"trace_id"`
		Span  string `json:"span_id"`
	}
	if err := json.Unmarshal(b.log.Bytes(), &line); err != nil {
		t.Fatalf("log %q: %v", b.log, err)
	}
	if line.Msg != "checked" || line.Trace != s.SpanContext.TraceID().String() || line.Span != s.SpanContext.SpanID().String() {
		t.Errorf("log = %+v, want the ids of %v", line, s.SpanContext)
	}
}

func TestSpansAndMetricsHoldNoPersonalData(t *testing.T) {
	everyTransport(t, func(t *testing.T, over transport) {
		b := lay(t, over)
		b.get(t, "zhang-san", caller)
		var keys []string
		for _, s := range b.recorded(t, 4) {
			for _, a := range s.Attributes {
				keys = append(keys, string(a.Key))
			}
			if s.Status.Description != "" || len(s.Events)+len(s.Links) != 0 {
				t.Errorf("%s says too much: %+v", s.Name, s)
			}
		}
		slices.Sort(keys)
		want := []string{
			"duban.service", "http.request.method", "http.response.status_code", "http.route",
			"rpc.method", "rpc.response.status_code", "rpc.system.name",
		}
		if diff := cmp.Diff(want, slices.Compact(keys)); diff != "" {
			t.Error(diff)
		}
		for _, text := range []string{fmt.Sprintf("%+v", b.spans.GetSpans()), b.page(t)} {
			for _, p := range append(personal, "127.0.0.1", "server_address") {
				if strings.Contains(text, p) {
					t.Errorf("%q found in %s", p, text)
				}
			}
		}
	})
}

func TestRouteIsInTheSpan(t *testing.T) {
	b := lay(t, inProcess)
	b.get(t, "1", "")
	for _, a := range b.recorded(t, 4)["server GET /v1/units/{unit}"].Attributes {
		if a.Key == "http.route" && a.Value.AsString() == "/v1/units/{unit}" {
			return
		}
	}
	t.Errorf("no http.route in %+v", b.spans.GetSpans())
}

func TestTraceBeginsHere(t *testing.T) {
	b := lay(t, inProcess)
	one, two := b.get(t, "1", "").Body.String(), b.get(t, "1", "").Body.String()
	if len(one) != 32 || one == two {
		t.Errorf("TraceIDs = %q, %q, want two of 32 digits", one, two)
	}
	if got := TraceID(t.Context()); got != "" {
		t.Errorf("TraceID outside of a call = %q", got)
	}
}

// TestTheOperatorDecidesOnSampling: at a public door neither the caller's flag nor its
// choice of an id does. Behind it one trace is recorded whole or not at all.
func TestTheOperatorDecidesOnSampling(t *testing.T) {
	everyTransport(t, func(t *testing.T, over transport) {
		all := lay(t, over)
		all.get(t, "1", "00-"+callerTrace+"-00f067aa0ba902b7-00")
		if n := len(all.recorded(t, 4)); n != 4 {
			t.Errorf("of all traces, one that the caller does not record has %d spans, want 4", n)
		}
		none := sampling(t, over, 0)
		none.get(t, "1", caller)
		none.get(t, "1", "")
		if err := none.traces.ForceFlush(t.Context()); err != nil || len(none.spans.GetSpans()) > 0 {
			t.Errorf("of no trace, one that the caller records has %v, %v", none.spans.GetSpans(), err)
		}
	})
	some := sampling(t, inProcess, 0.5)
	const calls = 64
	for range calls {
		some.get(t, "1", "00-00000000000000000000000000000001-00f067aa0ba902b7-01")
	}
	if err := some.traces.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun := 0
	for _, s := range some.spans.GetSpans() {
		if s.Name == "GET /v1/units/{unit}" {
			begun++
		}
	}
	if begun == 0 || begun == calls {
		t.Errorf("%d of %d traces of one id are recorded", begun, calls)
	}
}

// TestBetweenOurOwnTheCallerDecides, and at a door of gRPC for the public not.
func TestBetweenOurOwnTheCallerDecides(t *testing.T) {
	b := sampling(t, inProcess, 0)
	public, server, _ := b.Handlers()
	for want, h := range map[bool]stats.Handler{true: server, false: public} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", caller))
		ctx = h.TagRPC(ctx, &stats.RPCTagInfo{FullMethodName: healthv1.Health_Check_FullMethodName})
		if c := trace.SpanContextFromContext(ctx); c.IsSampled() != want || c.TraceID().String() != callerTrace {
			t.Errorf("sampled = %v in %v, want %v", c.IsSampled(), c.TraceID(), want)
		}
	}
}

func TestInventedMethodsAreNotCounted(t *testing.T) {
	b := lay(t, inProcess)
	conn := overTCP(t, b.Telemetry, health{})
	for _, method := range []string{"/invented.Service/Method", "/grpc.health.v1.Health/Invented", "/grpc.health.v1.Health"} {
		err := conn.Invoke(t.Context(), method, &healthv1.HealthCheckRequest{}, &healthv1.HealthCheckResponse{})
		if err == nil {
			t.Errorf("%s was served", method)
		}
	}
	if page := b.page(t); strings.Contains(page, "nvented") || strings.Contains(page, "rpc_server_call") {
		t.Errorf("metrics name what is not in the contract:\n%s", page)
	}
}

// timed is an answer with deadlines.
type timed struct {
	http.ResponseWriter
	until time.Time
}

func (t *timed) SetReadDeadline(until time.Time) error { t.until = until; return nil }

// What measures requests leaves it to what answers them how long a body may take.
func TestDeadlinesPassThrough(t *testing.T) {
	b, until := lay(t, inProcess), time.Now()
	answer := &timed{ResponseWriter: httptest.NewRecorder()}
	b.HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(until); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
	if !answer.until.Equal(until) {
		t.Errorf("%v, want %v", answer.until, until)
	}
}
