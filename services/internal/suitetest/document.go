package suitetest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// Document is what the gateway says of its answers (OpenAPI).
type Document struct {
	Paths map[string]struct {
		Get struct {
			Parameters []struct{ Name, In string }
			Responses  map[string]struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
	}
	Components struct{ Schemas map[string]map[string]any }
}

// Document reads the document that the gateway serves.
func (s *Suite) Document() *Document {
	s.T.Helper()
	d := &Document{}
	s.Fetch("/openapi.json", "", d)
	return d
}

// Fetch reads what the gateway answers to the key at a path, and must be there.
func (s *Suite) Fetch(path, key string, into any) {
	s.T.Helper()
	if status, err := s.fetch(path, key, into); err != nil || status != http.StatusOK {
		s.T.Fatalf("%s: %d, %v", path, status, err)
	}
}

func (s *Suite) fetch(path, key string, into any) (status int, err error) {
	r, err := http.NewRequestWithContext(s.T.Context(), http.MethodGet, s.HTTP+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, err
	}
	return res.StatusCode, json.NewDecoder(res.Body).Decode(into)
}

// perRead is how many resources one caller reads by one method: enough for every state.
const perRead = 12

// Documented reads with a key by every method that reads whatever its own answers name,
// and tells of each answer that is not as the document says. It returns the methods, by
// their paths in the document, that answered.
func (s *Suite) Documented(t *testing.T, d *Document, key string) []string {
	t.Helper()
	w := &walk{fits: map[string]*regexp.Regexp{}, count: map[string]int{}, seen: map[string]bool{}, answered: map[string]bool{}, document: d}
	for template := range d.Paths {
		w.fits[template] = regexp.MustCompile("^" + variable.ReplaceAllString(template[:strings.LastIndexByte(template, '}')+1], `[^/:]+`) + "$")
	}
	w.read("")
	for len(w.todo) > 0 {
		next := w.todo[0]
		w.todo = w.todo[1:]
		path := next.path
		if slices.ContainsFunc(d.Paths[next.template].Get.Parameters, func(p struct{ Name, In string }) bool { return p.Name == "pageSize" }) {
			path += "?pageSize=200"
		}
		var answer any
		status, err := s.fetch(path, key, &answer)
		if err != nil || status >= http.StatusInternalServerError {
			t.Fatalf("%s: %d, %v", path, status, err)
		}
		if status != http.StatusOK {
			continue
		}
		w.answered[next.template] = true
		for _, why := range d.Wrong("answer", next.schema, answer) {
			t.Errorf("%s: %s", path, why)
		}
		w.names(answer)
	}
	return slices.Sorted(maps.Keys(w.answered))
}

type walk struct {
	document *Document
	todo     []read
	fits     map[string]*regexp.Regexp // the paths of what methods are asked of
	count    map[string]int            // of reads by each method
	seen     map[string]bool           // what was named
	answered map[string]bool
}

type read struct {
	template, path string
	schema         map[string]any
}

// variable is what a path of the document has in the place of a resource's id.
var variable = regexp.MustCompile(`\{[^}]*\}`)

// read will read by each method for which a name, such as units/a, gives all that its path
// lacks.
func (w *walk) read(name string) {
	if w.seen[name] {
		return
	}
	w.seen[name] = true
	path := ""
	if name != "" {
		path = "/v1/" + name
	}
	for template, fits := range w.fits {
		schema := w.document.Paths[template].Get.Responses["200"].Content["application/json"].Schema
		if schema == nil || !fits.MatchString(path) || w.count[template] == perRead {
			continue
		}
		w.count[template]++
		w.todo = append(w.todo, read{template, path + template[strings.LastIndexByte(template, '}')+1:], schema})
	}
}

// names will read whatever a value names.
func (w *walk) names(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, inner := range value {
			w.names(inner)
		}
	case []any:
		for _, inner := range value {
			w.names(inner)
		}
	case string:
		if strings.Contains(value, "/") && len(value) < 300 {
			w.read(value)
		}
	}
}

// Wrong says where a value is not what the schema says. Of JSON Schema it knows what the
// document has of texts, lists and objects.
func (d *Document) Wrong(at string, schema map[string]any, value any) (all []string) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
	}
	parts, _ := schema["allOf"].([]any)
	for _, part := range parts {
		all = append(all, d.Wrong(at, part.(map[string]any), value)...)
	}
	switch value := value.(type) {
	case map[string]any:
		return append(all, d.object(at, schema, value)...)
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, inner := range value {
			all = append(all, d.Wrong(fmt.Sprintf("%s[%d]", at, i), items, inner)...)
		}
		return append(all, bounds(at, schema, "Items", len(value))...)
	case string:
		return append(all, text(at, schema, value)...)
	}
	return all
}

func (d *Document) object(at string, schema, value map[string]any) (all []string) {
	properties, _ := schema["properties"].(map[string]any)
	others, _ := schema["additionalProperties"].(map[string]any)
	for name, inner := range value {
		property, ok := properties[name].(map[string]any)
		if !ok {
			property = others
		}
		all = append(all, d.Wrong(at+"."+name, property, inner)...)
	}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := value[name.(string)]; !ok {
			all = append(all, fmt.Sprintf("%s lacks %v", at, name))
		}
	}
	return append(all, bounds(at, schema, "Properties", len(value))...)
}

func bounds(at string, schema map[string]any, of string, n int) (all []string) {
	if least, ok := schema["min"+of].(float64); ok && float64(n) < least {
		all = append(all, fmt.Sprintf("%s: %d is not of min%s %v", at, n, of, least))
	}
	if most, ok := schema["max"+of].(float64); ok && float64(n) > most {
		all = append(all, fmt.Sprintf("%s: %d is not of max%s %v", at, n, of, most))
	}
	return all
}

// text says which of the rules for texts the value breaks.
func text(at string, schema map[string]any, value string) []string {
	all := bounds(at, schema, "Length", utf8.RuneCountInString(value))
	pattern, shaped := schema["pattern"].(string)
	if shaped && !compiled(pattern).MatchString(value) {
		all = append(all, fmt.Sprintf("%s: %q is not of pattern %s", at, value, pattern))
	}
	if values, ok := schema["enum"].([]any); ok && !slices.Contains(values, any(value)) {
		all = append(all, fmt.Sprintf("%s: %q is not of enum %v", at, value, values))
	}
	return all
}

var patterns sync.Map // of regular expressions as the document has them

// compiled is a pattern of ECMA 262 as Go writes it, read once.
func compiled(pattern string) *regexp.Regexp {
	if known, ok := patterns.Load(pattern); ok {
		return known.(*regexp.Regexp)
	}
	read := regexp.MustCompile(strings.ReplaceAll(pattern, `\u2800`, `\x{2800}`))
	patterns.Store(pattern, read)
	return read
}
