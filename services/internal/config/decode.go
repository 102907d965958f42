package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decode puts the file over c, as far as it can be, and returns everything that
// cannot. keys are those of the file, for what c itself refuses.
func decode(r io.Reader, c Section) (keys []key, err error) {
	d, document := yaml.NewDecoder(r), yaml.Node{}
	switch err := d.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil: // it is not YAML: there is nothing after it
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var mistakes mistakes
	mistakes.take("", document.Content[0], reflect.ValueOf(c).Elem())
	if again := d.Decode(new(yaml.Node)); !errors.Is(again, io.EOF) {
		mistakes = append(mistakes, errors.New("more than one document"))
	}
	return keysOf("", &document), errors.Join(mistakes...)
}

// mistakes are what is wrong with a file, each with its line and key.
type mistakes []error

func (m *mistakes) add(path string, n *yaml.Node, format string, args ...any) {
	if path != "" {
		format = path + ": " + format
	}
	*m = append(*m, fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...)))
}

// take decodes a node into v, which its path names. It ends because types do: none
// of a configuration contains itself.
func (m *mistakes) take(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	kind, whole := v.Kind(), single(v)
	switch {
	case n.ShortTag() == "!!null":
		m.takeNothing(path, n, v)
	case whole:
		m.takeOne(path, n, v)
	case (kind == reflect.Struct || kind == reflect.Map) && n.Kind != yaml.MappingNode:
		m.add(path, n, "must have keys of its own")
	case kind == reflect.Slice && n.Kind != yaml.SequenceNode:
		m.add(path, n, "must be a list")
	case kind == reflect.Slice:
		m.takeList(path, n, v)
	default:
		m.takeKeys(path, n, v)
	}
}

// single says whether a value is written as one piece of text.
func single(v reflect.Value) bool {
	_, text := v.Addr().Interface().(encoding.TextUnmarshaler)
	kind := v.Kind()
	return text || kind != reflect.Struct && kind != reflect.Map && kind != reflect.Slice
}

// takeNothing takes a key without a value: of text, a list and a map it is the
// empty one; a section of which nothing is said keeps its defaults; what else there
// is has no empty value.
func (m *mistakes) takeNothing(path string, n *yaml.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		v.SetZero()
	default:
		if single(v) {
			m.add(path, n, "must be %s, and has no value", meaning(v))
		}
	}
}

func (m *mistakes) takeOne(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		m.add(path, n, "must be %s", meaning(v))
	} else if !written(n, v) || n.Decode(v.Addr().Interface()) != nil {
		m.add(path, n, "must be %s, not %q", meaning(v), n.Value)
	}
}

// decimal is how everybody reads a number: octal, hexadecimal, underscores and infinities are
// YAML's.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// written says whether a value is written as YAML's tag says, without which the
// library would make one of the other: a whole number of 1.9, text of a number,
// nanoseconds of a bare 5, 8 of 010, 1000 of 1_000.
func written(n *yaml.Node, v reflect.Value) bool {
	tag := n.ShortTag()
	switch v.Kind() {
	case reflect.Bool:
		return tag == "!!bool"
	case reflect.Int, reflect.Uint64:
		return tag == "!!int" && decimal.MatchString(n.Value)
	case reflect.Float64:
		return (tag == "!!int" || tag == "!!float") && decimal.MatchString(n.Value)
	default: // durations and networks are written as text
		return tag == "!!str"
	}
}

// meaning says what a value must be.
func meaning(v reflect.Value) string {
	if _, ok := v.Interface().(time.Duration); ok {
		return "a duration such as 30s or 5m"
	}
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number in decimal digits"
	case reflect.Uint64:
		return "a whole number from 0 on in decimal digits"
	case reflect.Float64:
		return "a number in decimal digits"
	case reflect.String:
		return "text, in quotes if it looks like anything else"
	default:
		return "a network such as 10.0.0.0/8"
	}
}

func (m *mistakes) takeList(path string, n *yaml.Node, v reflect.Value) {
	all := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for _, n := range n.Content {
		before, item := len(*m), reflect.New(v.Type().Elem()).Elem()
		if m.take(path, n, item); len(*m) == before {
			all = reflect.Append(all, item)
		}
	}
	v.Set(all)
}

// takeKeys decodes the keys of a node, each of which MUST be there once.
func (m *mistakes) takeKeys(path string, n *yaml.Node, v reflect.Value) {
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at, name := n.Content[i], n.Content[i].Value
		path := strings.TrimPrefix(path+"."+name, ".")
		if line := lines[name]; line > 0 {
			m.add(path, at, "is there already, in line %d", line)
			continue
		}
		lines[name] = at.Line
		if v.Kind() == reflect.Map {
			m.takeEntry(path, name, n.Content[i+1], v)
		} else if f := field(v, name); f.IsValid() {
			m.take(path, n.Content[i+1], f)
		} else {
			m.add(path, at, "there is no such key")
		}
	}
}

func (m *mistakes) takeEntry(path, name string, n *yaml.Node, v reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	value := reflect.New(v.Type().Elem()).Elem()
	m.take(path, n, value)
	v.SetMapIndex(reflect.ValueOf(name), value)
}

// field is that of the name; invalid if there is none.
func field(v reflect.Value, name string) reflect.Value {
	for f := range v.Fields() {
		if f.IsExported() && f.Tag.Get("yaml") == name {
			return v.FieldByIndex(f.Index)
		}
	}
	return reflect.Value{}
}
