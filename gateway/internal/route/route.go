// Package route knows which calls the REST API consists of: it reads the
// google.api.http options of the contract, so that no route is written by hand.
//
// It finds the call of a path. It does not look at queries and bodies (package
// strict does) and calls nothing: that is generated code.
package route

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Route is one HTTP rule of one call.
type Route struct {
	Method   string                        // the HTTP method
	Template string                        // as the contract writes it
	Call     protoreflect.MethodDescriptor // what is called
	Body     string                        // the request's field that the body is; "*" the request itself, "" no body

	path *template
}

// Input is the request message of the call.
func (r *Route) Input() protoreflect.MessageDescriptor { return r.Call.Input() }

// Fields are the paths, by proto names, of the fields that the path gives.
func (r *Route) Fields() []string {
	var fields []string
	for _, v := range r.path.variables {
		fields = append(fields, v.field)
	}
	return fields
}

// Table holds the routes of a set of services.
type Table struct{ routes []*Route }

// New reads the rules of services. Rules that cannot be read, or two of which
// fit the same path, are an error: the contract is wrong.
func New(services ...protoreflect.ServiceDescriptor) (*Table, error) {
	t := &Table{}
	for _, service := range services {
		for i := range service.Methods().Len() {
			if err := t.addCall(service.Methods().Get(i)); err != nil {
				return nil, fmt.Errorf("route of %s: %w", service.Methods().Get(i).FullName(), err)
			}
		}
	}
	return t, nil
}

// All returns every route, in the order of the contract.
func (t *Table) All() []*Route { return slices.Clone(t.routes) }

func (t *Table) addCall(call protoreflect.MethodDescriptor) error {
	rule, _ := proto.GetExtension(call.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return nil
	}
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		if err := t.addRule(call, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) addRule(call protoreflect.MethodDescriptor, rule *annotations.HttpRule) (err error) {
	r := &Route{Call: call, Body: rule.GetBody()}
	if r.Method, r.Template = verbAndPath(rule); r.Method == "" {
		return fmt.Errorf("the rule has no method")
	}
	if r.path, err = parse(r.Template); err != nil {
		return err
	}
	for _, v := range r.path.variables {
		if f := Field(call.Input(), v.field); f == nil || f.Kind() != protoreflect.StringKind || f.IsList() {
			return fmt.Errorf("%s gives %s, which is no string of the request", r.Template, v.field)
		}
	}
	if r.Body != "" && r.Body != "*" && call.Input().Fields().ByName(protoreflect.Name(r.Body)) == nil {
		return fmt.Errorf("the body %s is no field of the request", r.Body)
	}
	for _, other := range t.routes {
		if other.Method == r.Method && other.path.verb == r.path.verb && overlaps(other.path.segments, r.path.segments) {
			return fmt.Errorf("%s %s fits paths of %s", r.Method, r.Template, other.Template)
		}
	}
	t.routes = append(t.routes, r)
	return nil
}

func verbAndPath(rule *annotations.HttpRule) (string, string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Custom:
		return p.Custom.GetKind(), p.Custom.GetPath()
	}
	return "", ""
}

// Field returns the field at a dotted path of proto or JSON names, all but the
// last of which are single messages; or nil.
func Field(message protoreflect.MessageDescriptor, path string) protoreflect.FieldDescriptor {
	var field protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		if message == nil {
			return nil
		}
		if field = Named(message, name); field == nil {
			return nil
		}
		message = nil
		if field.Cardinality() != protoreflect.Repeated {
			message = field.Message()
		}
	}
	return field
}

// Named returns a message's field by its JSON or proto name, or nil.
func Named(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := message.Fields().ByJSONName(name); f != nil {
		return f
	}
	return message.Fields().ByTextName(name)
}

// Match is what a path was found to be.
type Match struct {
	Route *Route            // nil if the path takes other methods only
	Path  string            // the path, decoded
	Bound map[string]string // what the path gives, by the field's path
	Allow []string          // the methods that the path takes, sorted; empty: there is no such path
}

// Find looks up the call of a path as it was sent, percent signs and all.
func (t *Table) Find(method, escaped string) Match {
	segments, verb, ok := split(escaped)
	if !ok {
		return Match{}
	}
	m := Match{Path: "/" + strings.Join(segments, "/")}
	if verb != "" {
		m.Path += ":" + verb
	}
	if method == http.MethodHead { // whatever is answered, net/http sends no body
		method = http.MethodGet
	}
	allow := map[string]bool{}
	for _, r := range t.routes {
		bound := r.path.bind(segments, verb)
		if bound == nil {
			continue
		}
		allow[r.Method] = true
		if r.Method == http.MethodGet {
			allow[http.MethodHead] = true
		}
		if r.Method == method {
			m.Route, m.Bound = r, bound
		}
	}
	m.Allow = slices.Sorted(maps.Keys(allow))
	return m
}

const maxSegments = 32

// split cuts a path into decoded segments and the verb. Paths that could be read
// in two ways are no paths: empty and dot segments, encoded delimiters.
func split(escaped string) (segments []string, verb string, ok bool) {
	if !strings.HasPrefix(escaped, "/") || strings.Count(escaped, "/") > maxSegments {
		return nil, "", false
	}
	segments = strings.Split(escaped[1:], "/")
	last := len(segments) - 1
	segments[last], verb, ok = strings.Cut(segments[last], ":")
	if ok && verb == "" {
		return nil, "", false
	}
	for i, s := range segments {
		s, err := url.PathUnescape(s)
		if err != nil || !plain(s) {
			return nil, "", false
		}
		segments[i] = s
	}
	return segments, verb, plain("x" + verb)
}

func plain(segment string) bool {
	return segment != "" && segment != "." && segment != ".." && utf8.ValidString(segment) &&
		!strings.ContainsAny(segment, "/\\:%?#{}*") && !strings.ContainsFunc(segment, unicode.IsControl)
}
