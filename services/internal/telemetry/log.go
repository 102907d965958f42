package telemetry

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
)

const (
	redacted = "[redacted]"

	// longest is how many bytes of an error or a string are logged.
	longest = 2 << 10
)

func newLog(out io.Writer, level slog.Level) *slog.Logger {
	h := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: redact})
	return slog.New(&traced{root: h, open: h})
}

// redact keeps secrets and persons out of the log, and every value short.
func redact(groups []string, a slog.Attr) slog.Attr {
	if secret(a.Key) || slices.ContainsFunc(groups, secret) {
		return slog.String(a.Key, redacted)
	}
	switch v := a.Value.Any().(type) {
	case proto.Message: // a record may hold anything
		return slog.String(a.Key, redacted)
	case error:
		return slog.String(a.Key, cut(v.Error()))
	case string:
		return slog.String(a.Key, cut(v))
	}
	return a
}

// secret says whether an attribute's value must not be logged: its key, or the
// last word of it (api_key, X-Auth-Token), is on the list.
func secret(key string) bool {
	key = strings.ToLower(key)
	if key == "display_name" {
		return true
	}
	switch key[strings.LastIndexAny(key, "_-.")+1:] {
	case "authorization", "token", "secret", "key", "text", "phone", "identity":
		return true
	}
	return false
}

// cut shortens text at the beginning of a character.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	end := longest
	for end > longest-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "… [cut]"
}

// traced adds the ids of the context's span to each record, at its top even if
// the logger has opened a group.
type traced struct {
	root slog.Handler                      // before any group
	open slog.Handler                      // with all that came since
	then []func(slog.Handler) slog.Handler // makes open of root; empty while no group is open
}

// Enabled implements slog.Handler.
func (t *traced) Enabled(ctx context.Context, l slog.Level) bool { return t.root.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (t *traced) Handle(ctx context.Context, r slog.Record) error {
	c := trace.SpanContextFromContext(ctx)
	if !c.IsValid() {
		return t.open.Handle(ctx, r)
	}
	h := t.root.WithAttrs([]slog.Attr{
		slog.String("trace_id", c.TraceID().String()),
		slog.String("span_id", c.SpanID().String()),
	})
	for _, step := range t.then {
		h = step(h)
	}
	return h.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (t *traced) WithAttrs(as []slog.Attr) slog.Handler {
	if len(t.then) == 0 {
		h := t.root.WithAttrs(as)
		return &traced{root: h, open: h}
	}
	return t.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(as) })
}

// WithGroup implements slog.Handler.
func (t *traced) WithGroup(name string) slog.Handler {
	if name == "" {
		return t
	}
	return t.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (t *traced) with(step func(slog.Handler) slog.Handler) slog.Handler {
	return &traced{root: t.root, open: step(t.open), then: append(slices.Clip(t.then), step)}
}
