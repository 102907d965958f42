package page_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/page"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// naive is a filter as a tree: the text to parse, and what it means, told over
// the JSON of the message instead of its fields.
type naive struct {
	text  string
	means func(json map[string]any) bool
}

// Whatever filter and message: Match agrees with the naive evaluator.
func TestFilterAgreesWithNaive(t *testing.T) {
	md := problemType(t)
	rapid.Check(t, func(rt *rapid.T) {
		record := trees.Draw(rt, "record")
		want := drawFilter(rt, 3)
		filter, err := page.ParseFilter(want.text, md)
		if err != nil {
			rt.Fatalf("%s: %v", want.text, err)
		}
		m := problem(t, md, toJSON(record))
		if got := filter.Match(m); got != want.means(record) {
			rt.Fatalf("%s over %s: got %v", want.text, toJSON(record), got)
		}
	})
}

var (
	words   = rapid.SampledFrom([]string{"", "a", "ab", "b", "督办", "2026-10-01"})
	states  = rapid.SampledFrom([]string{"STATE_UNSPECIFIED", "STATE_OPEN", "STATE_CLOSED"})
	moments = rapid.SampledFrom([]string{"2026-10-01T00:00:00Z", "2026-10-01T08:00:00.25+08:00", "1969-12-31T23:59:59.9Z"})
	levels  = rapid.Int32Range(-2, 2)
)

// trees draws records as JSON trees, of which fields are absent at random.
var trees = rapid.Custom(func(t *rapid.T) map[string]any {
	record := flat(t)
	if rapid.Bool().Draw(t, "has plan") {
		record["plan"] = flat(t)
	}
	return record
})

func flat(t *rapid.T) map[string]any {
	record := map[string]any{
		"title": words.Draw(t, "title"), "level": levels.Draw(t, "level"),
		"urgent": rapid.Bool().Draw(t, "urgent"), "state": states.Draw(t, "state"),
		"tags":   rapid.SliceOfN(words, 0, 3).Draw(t, "tags"),
		"labels": rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), words, 0, 2).Draw(t, "labels"),
	}
	if rapid.Bool().Draw(t, "has at") {
		record["at"] = moments.Draw(t, "at")
	}
	return record
}

func toJSON(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var fields []string
		for name, value := range v {
			fields = append(fields, fmt.Sprintf("%q: %s", name, toJSON(value)))
		}
		slices.Sort(fields)
		return "{" + strings.Join(fields, ", ") + "}"
	case map[string]string:
		var fields []string
		for name, value := range v {
			fields = append(fields, fmt.Sprintf("%q: %q", name, value))
		}
		slices.Sort(fields)
		return "{" + strings.Join(fields, ", ") + "}"
	case []string:
		var elements []string
		for _, value := range v {
			elements = append(elements, fmt.Sprintf("%q", value))
		}
		return "[" + strings.Join(elements, ", ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

func drawFilter(t *rapid.T, depth int) naive {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 || kind < 2 {
		return drawRestriction(t)
	}
	a, b := drawFilter(t, depth-1), drawFilter(t, depth-1)
	switch kind {
	case 2:
		return naive{"NOT (" + a.text + ")", func(r map[string]any) bool { return !a.means(r) }}
	case 3:
		c := drawFilter(t, depth-1) // a AND b OR c, without inner parentheses
		text := fmt.Sprintf("(%s) AND (%s) OR (%s)", a.text, b.text, c.text)
		return naive{text, func(r map[string]any) bool { return a.means(r) && (b.means(r) || c.means(r)) }}
	case 4:
		return naive{"(" + a.text + ") OR (" + b.text + ")", func(r map[string]any) bool { return a.means(r) || b.means(r) }}
	}
	return naive{"(" + a.text + ")  AND  (" + b.text + ")", func(r map[string]any) bool { return a.means(r) && b.means(r) }}
}

func drawRestriction(t *rapid.T) naive {
	path, lead := "", func(r map[string]any) map[string]any { return r }
	if rapid.Bool().Draw(t, "in plan") {
		path, lead = "plan.", func(r map[string]any) map[string]any { plan, _ := r["plan"].(map[string]any); return plan }
	}
	n := drawField(t)
	return naive{path + n.text, func(r map[string]any) bool { inner := lead(r); return inner != nil && n.means(inner) }}
}

func drawField(t *rapid.T) naive {
	op := rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
	same := rapid.SampledFrom([]string{"=", "!="}).Draw(t, "same")
	word := words.Draw(t, "word")
	switch rapid.IntRange(0, 7).Draw(t, "field") {
	case 0:
		return naive{fmt.Sprintf("title %s %q", op, word), func(r map[string]any) bool { return compare(op, strings.Compare(r["title"].(string), word)) }}
	case 1:
		return naive{fmt.Sprintf("title%s\"%s*\"", same, word), func(r map[string]any) bool {
			return strings.HasPrefix(r["title"].(string), word) == (same == "=")
		}}
	case 2:
		level := levels.Draw(t, "want")
		return naive{fmt.Sprintf("level %s %d", op, level), func(r map[string]any) bool { return compare(op, int(r["level"].(int32)-level)) }}
	case 3:
		state := states.Draw(t, "want")
		return naive{"state " + same + " " + strings.TrimPrefix(state, "STATE_"), func(r map[string]any) bool { return (r["state"] == state) == (same == "=") }}
	case 4:
		return naive{"urgent " + same + " true", func(r map[string]any) bool { return r["urgent"].(bool) == (same == "=") }}
	case 5:
		want := moments.Draw(t, "want")
		return naive{fmt.Sprintf("at %s %q", op, want), func(r map[string]any) bool {
			at, there := r["at"].(string)
			return there && compare(op, nanoseconds(at).Cmp(nanoseconds(want)))
		}}
	case 6:
		return naive{fmt.Sprintf("tags:%q", word), func(r map[string]any) bool { return slices.Contains(r["tags"].([]string), word) }}
	}
	return naive{fmt.Sprintf("labels.a %s %q", op, word), func(r map[string]any) bool {
		value, there := r["labels"].(map[string]string)["a"]
		return there && compare(op, strings.Compare(value, word))
	}}
}

func compare(op string, c int) bool {
	return c < 0 && (op == "<" || op == "<=" || op == "!=") ||
		c == 0 && (op == "=" || op == "<=" || op == ">=") ||
		c > 0 && (op == ">" || op == ">=" || op == "!=")
}

func nanoseconds(text string) *big.Int {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return big.NewInt(at.UnixNano())
}

// FuzzParseFilter: any text is a filter that matches or not, or the fault.
func FuzzParseFilter(f *testing.F) {
	md := problemType(f)
	for _, text := range []string{
		`title = "校门*" AND (level >= 2 OR NOT state:CLOSED)`, `labels."a key":* AND -plan.plan:*`, `steps.tags:x`,
		`at > "2026-10-01T00:00:00Z"`, `score < .5`, `level = 0xff`, `NOT()`, `AND(a)`, `a b`, strings.Repeat("(", 2_048),
		strings.Repeat("a(", 1_024), strings.Repeat("a((", 682), strings.Repeat("-(", 1_024), strings.Repeat("f(a,(", 409),
	} {
		f.Add(text)
	}
	m := problem(f, md, full)
	empty := dynamicpb.NewMessage(md)
	f.Fuzz(func(t *testing.T, text string) {
		checkFilter(t, text, md, m.ProtoReflect(), empty)
	})
}

func checkFilter(t *testing.T, text string, md protoreflect.MessageDescriptor, messages ...protoreflect.Message) {
	t.Helper()
	filter, err := page.ParseFilter(text, md)
	if err != nil {
		if f := fault.As(err); !errors.Is(err, fault.Of(faultv1.Reason_REASON_FILTER_INVALID)) || f.Facts["problem"] == "" {
			t.Errorf("%q: %v", text, err)
		}
		return
	}
	for _, m := range messages {
		first, second := filter.Match(m.Interface()), filter.Match(m.Interface())
		if first != second {
			t.Errorf("%q: two answers", text)
		}
	}
}

func BenchmarkParseFilter(b *testing.B) {
	md := problemType(b)
	for b.Loop() {
		if _, err := page.ParseFilter(`state = CLOSED AND (due_date < "2026-10-01" OR level >= 2)`, md); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	entry := &feedv1.Entry{Kind: "complaint.filed.v1", Rev: 2, Actor: &feedv1.Actor{Unit: "units/x"}}
	filter, err := page.ParseFilter(`rev > 1 AND (kind = "complaint.*" OR actor.unit = "units/x")`, entry.ProtoReflect().Descriptor())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !filter.Match(entry) {
			b.Fatal("does not match")
		}
	}
}
