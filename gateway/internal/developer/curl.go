package developer

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// call makes the example and the table of fields of an operation.
func (d *document) call(method, path string, o *operation) (Call, error) {
	c := Call{operation: o, Method: method, Path: path}
	_, d.at, _ = strings.Cut(o.OperationID, "_")
	target, query := path, url.Values{}
	for _, p := range o.Parameters {
		if p.Name == "" { // a header that all calls have in common
			continue
		}
		needed := p.Required || d.needed(p.Schema)
		c.Fields = append(c.Fields, Field{p.In, p.Name, d.kind(p.Schema), p.Description, needed})
		switch value, _ := d.sample(p.Name, p.Schema).(string); {
		case p.In == "path":
			target = strings.Replace(target, "{"+p.Name+"}", value[strings.LastIndexByte(value, '/')+1:], 1)
		case needed || slices.Contains(asked, p.Name):
			query.Set(p.Name, value)
		}
	}
	if len(query) > 0 {
		target += "?" + strings.ReplaceAll(query.Encode(), "%2F", "/")
	}
	body, err := d.bodyOf(&c)
	c.Curl = curl(method, target, body, !o.Public)
	return c, err
}

// bodyOf is an example of the call's body, as JSON, or "".
func (d *document) bodyOf(c *Call) (string, error) {
	if c.body() == nil {
		return "", nil
	}
	s := d.resolve(c.body())
	from := named(c.Path, s)
	c.Fields = append(c.Fields, d.fields(s, "", from)...)
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d.object(s, from))
	return strings.TrimSpace(text.String()), err
}

// deepest is how many messages within each other the table of fields shows.
const deepest = 3

// fields are those of a body, with those of the messages in it.
func (d *document) fields(s *schema, within, except string) (all []Field) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if p.ReadOnly || within+name == except {
			continue
		}
		all = append(all, Field{"body", within + name, d.kind(p), p.Description, slices.Contains(s.Required, name) || d.needed(p)})
		inner, dot := d.resolve(p), "."
		if inner.Type == "array" {
			inner, dot = d.resolve(inner.Items), "[]."
		}
		if strings.Count(within, ".") < deepest-1 {
			all = append(all, d.fields(inner, within+name+dot, "")...)
		}
	}
	return all
}

// named is the field of the body that the path gives already, or "".
func named(path string, body *schema) string {
	bare, _, _ := strings.Cut(path, ":")
	switch {
	case !strings.Contains(path, "{"):
		return ""
	case strings.HasSuffix(bare, "}") || body.Properties["parent"] == nil:
		return "name"
	}
	return "parent"
}

// curl is the command.
func curl(method, target, body string, key bool) string {
	lines := []string{`curl "$BASE` + target + `"`}
	if method != "GET" {
		lines[0] = "curl -X " + method + ` "$BASE` + target + `"`
	}
	if key {
		lines = append(lines, `-H "Authorization: Bearer $KEY"`)
	}
	if body != "" {
		lines = append(lines, "-H 'Content-Type: application/json'", "-d '"+body+"'")
	}
	return strings.Join(lines, " \\\n  ")
}
