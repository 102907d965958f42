package route

import (
	"fmt"
	"strings"
)

// template is a path of google.api.http: "/v1/{name=units/*}:move".
type template struct {
	segments  []string // a literal, "*" for one segment or "**" for one or more
	verb      string
	variables []variable
}

// variable is the field that takes what the segments [from, to) hold.
type variable struct {
	field    string // the field's path in the request, by proto names
	from, to int
}

// parse reads a template.
func parse(text string) (*template, error) {
	rest, ok := strings.CutPrefix(text, "/")
	if !ok {
		return nil, fmt.Errorf("%q does not begin with a slash", text)
	}
	t := &template{}
	if end := strings.LastIndexAny(rest, "/}:"); end >= 0 && rest[end] == ':' {
		rest, t.verb = rest[:end], rest[end+1:]
	}
	for rest != "" {
		var err error
		if rest, err = t.take(rest); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
	}
	if len(t.segments) == 0 {
		return nil, fmt.Errorf("%q has no segment", text)
	}
	return t, nil
}

// take reads one segment or variable, and the slash after it.
func (t *template) take(rest string) (string, error) {
	if !strings.HasPrefix(rest, "{") {
		segment, after, _ := strings.Cut(rest, "/")
		return after, t.add(segment)
	}
	inner, after, ok := strings.Cut(rest[1:], "}")
	if !ok {
		return "", fmt.Errorf("a brace is not closed")
	}
	if after != "" && after[0] != '/' {
		return "", fmt.Errorf("a variable fills whole segments only")
	}
	field, pattern, ok := strings.Cut(inner, "=")
	if !ok {
		pattern = "*"
	}
	v := variable{field: field, from: len(t.segments)}
	for segment := range strings.SplitSeq(pattern, "/") {
		if err := t.add(segment); err != nil {
			return "", err
		}
	}
	v.to = len(t.segments)
	t.variables = append(t.variables, v)
	return strings.TrimPrefix(after, "/"), nil
}

func (t *template) add(segment string) error {
	if segment == "" || segment != "*" && segment != "**" && strings.ContainsAny(segment, "*{}:=") {
		return fmt.Errorf("%q is no segment", segment)
	}
	t.segments = append(t.segments, segment)
	return nil
}

// match says where each segment of the pattern ends in path, or nil.
func match(pattern, path []string) []int {
	if len(pattern) == 0 {
		if len(path) == 0 {
			return []int{0}
		}
		return nil
	}
	for n := 1; n <= len(path); n++ {
		if !fits(pattern[0], path[0]) || n > 1 && pattern[0] != "**" {
			return nil
		}
		if ends := match(pattern[1:], path[n:]); ends != nil {
			return append(ends, n)
		}
	}
	return nil
}

func fits(pattern, segment string) bool {
	return pattern == "*" || pattern == "**" || pattern == segment
}

// bind returns what the variables hold when the template matches, or nil.
func (t *template) bind(path []string, verb string) map[string]string {
	if verb != t.verb {
		return nil
	}
	lengths := match(t.segments, path) // last segment first, after a leading 0
	if lengths == nil {
		return nil
	}
	start := make([]int, len(t.segments)+1)
	for i := range t.segments {
		start[i+1] = start[i] + lengths[len(t.segments)-i]
	}
	bound := make(map[string]string, len(t.variables))
	for _, v := range t.variables {
		bound[v.field] = strings.Join(path[start[v.from]:start[v.to]], "/")
	}
	return bound
}

// overlaps says whether some path matches both patterns.
func overlaps(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	if !fits(a[0], b[0]) && !fits(b[0], a[0]) {
		return false
	}
	return overlaps(a[1:], b[1:]) ||
		a[0] == "**" && overlaps(a, b[1:]) ||
		b[0] == "**" && overlaps(a[1:], b)
}
