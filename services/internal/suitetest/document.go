package suitetest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
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
	schemas *jsonschema.Compiler
}

const documentURL = "https://duban.invalid/openapi.json"

// Document reads the document that the gateway serves.
func (s *Suite) Document() *Document {
	s.T.Helper()
	d := &Document{schemas: jsonschema.NewCompiler()}
	s.Fetch("/openapi.json", "", d)
	var all map[string]any
	s.Fetch("/openapi.json", "", &all)
	closed(all)
	d.schemas.DefaultDraft(jsonschema.Draft4) // on which OpenAPI 3.0 builds
	d.schemas.AssertFormat()
	d.schemas.UseRegexpEngine(pattern)
	if err := d.schemas.AddResource(documentURL, all); err != nil {
		s.T.Fatal(err)
	}
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
		for _, why := range d.Wrong(answers(next.template), answer) {
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

type read struct{ template, path string }

// answers is where the document says what a method that reads answers.
func answers(template string) string {
	return "#/paths/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(template)) + "/get/responses/200/content/application~1json/schema"
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
		if w.document.Paths[template].Get.Responses["200"].Content["application/json"].Schema == nil || !fits.MatchString(path) || w.count[template] == perRead {
			continue
		}
		w.count[template]++
		w.todo = append(w.todo, read{template, path + template[strings.LastIndexByte(template, '}')+1:]})
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

// Wrong says where a value is not what the document says at a place in it.
func (d *Document) Wrong(at string, value any) []string {
	schema, err := d.schemas.Compile(documentURL + at)
	if err != nil {
		return []string{err.Error()}
	}
	err = schema.Validate(value)
	if err == nil {
		return nil
	}
	_, each, _ := strings.Cut(err.Error(), "\n- ")
	if each == "" {
		return []string{err.Error()}
	}
	return strings.Split(each, "\n- ")
}

// closed has every object of a document have nothing but what the document names.
func closed(value any) {
	switch value := value.(type) {
	case map[string]any:
		if _, open := value["additionalProperties"]; !open && value["properties"] != nil && value["type"] == "object" {
			value["additionalProperties"] = false
		}
		for _, inner := range value {
			closed(inner)
		}
	case []any:
		for _, inner := range value {
			closed(inner)
		}
	}
}

// pattern reads a regular expression of ECMA 262 as Go writes it.
func pattern(s string) (jsonschema.Regexp, error) {
	return regexp.Compile(strings.ReplaceAll(s, `\u2800`, `\x{2800}`))
}
