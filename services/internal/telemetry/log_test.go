package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// logged returns what write logs, without time and level.
func logged(t *testing.T, write func(*slog.Logger)) map[string]any {
	t.Helper()
	out := new(bytes.Buffer)
	write(newLog(out, slog.LevelInfo))
	line := map[string]any{}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("log %q: %v", out, err)
	}
	delete(line, "time")
	delete(line, "level")
	return line
}

func TestLogRedacts(t *testing.T) {
	for _, key := range []string{
		"authorization", "token", "secret", "key", "text", "display_name", "phone", "identity",
		"Authorization", "api_key", "X-Auth-Token", "complainant.phone",
	} {
		for how, write := range map[string]func(*slog.Logger){
			"attribute":       func(l *slog.Logger) { l.Info("m", key, "张三") },
			"with":            func(l *slog.Logger) { l.With(key, "张三").Info("m") },
			"group":           func(l *slog.Logger) { l.Info("m", slog.Group("g", slog.Any(key, []string{"张三"}))) },
			"under the group": func(l *slog.Logger) { l.WithGroup(key).Info("m", "a", "张三") },
			"error":           func(l *slog.Logger) { l.Info("m", key, errors.New("张三")) },
		} {
			if line := fmt.Sprint(logged(t, write)); strings.Contains(line, "张三") || !strings.Contains(line, "[redacted]") {
				t.Errorf("%s as %s is logged: %s", key, how, line)
			}
		}
	}
}

func TestLogRedactsRecords(t *testing.T) {
	line := logged(t, func(l *slog.Logger) { l.Info("m", "record", &healthv1.HealthCheckRequest{Service: "张三"}) })
	if line["record"] != "[redacted]" {
		t.Errorf("a message is logged: %v", line)
	}
}

func TestLogKeepsTheRest(t *testing.T) {
	got := logged(t, func(l *slog.Logger) {
		l.Info("m", "method", "/a.B/C", "texts", 3, "keyed", true, "error", errors.New("no such unit"))
	})
	want := map[string]any{"msg": "m", "method": "/a.B/C", "texts": 3.0, "keyed": true, "error": "no such unit"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLogCutsLongErrors(t *testing.T) {
	for shift := range 3 { // so that the limit falls on each byte of a character
		long := strings.Repeat("x", shift) + strings.Repeat("督", 2048)
		got, _ := logged(t, func(l *slog.Logger) { l.Info("m", "error", errors.New(long)) })["error"].(string)
		text, found := strings.CutSuffix(got, "… [cut]")
		if !found || !strings.HasPrefix(long, text) || len(text) > 2048 || len(text) < 2044 || !utf8.ValidString(text) {
			t.Errorf("%d bytes are logged as %d: …%q", len(long), len(got), got[max(0, len(got)-20):])
		}
	}
	whole := strings.Repeat("x", 2048)
	if got := logged(t, func(l *slog.Logger) { l.Info("m", "error", errors.New(whole)) })["error"]; got != whole {
		t.Errorf("2 KiB are cut to %q", got)
	}
}

func TestLogHasIDsAtTheTop(t *testing.T) {
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	ids := map[string]any{"trace_id": "01000000000000000000000000000000", "span_id": "0200000000000000"}
	for name, c := range map[string]struct {
		write func(*slog.Logger)
		want  map[string]any
	}{
		"plain": {func(l *slog.Logger) { l.InfoContext(ctx, "m", "a", "b") }, map[string]any{"a": "b"}},
		"with":  {func(l *slog.Logger) { l.With("a", "b").InfoContext(ctx, "m") }, map[string]any{"a": "b"}},
		"in a group": {
			func(l *slog.Logger) { l.With("a", "b").WithGroup("g").With("c", "d").InfoContext(ctx, "m", "e", "f") },
			map[string]any{"a": "b", "g": map[string]any{"c": "d", "e": "f"}},
		},
	} {
		c.want["msg"] = "m"
		for k, v := range ids {
			c.want[k] = v
		}
		if diff := cmp.Diff(c.want, logged(t, c.write)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	got := logged(t, func(l *slog.Logger) { l.WithGroup("g").InfoContext(t.Context(), "m", "a", "b") })
	if diff := cmp.Diff(map[string]any{"msg": "m", "g": map[string]any{"a": "b"}}, got); diff != "" {
		t.Errorf("without a trace:\n%s", diff)
	}
}
