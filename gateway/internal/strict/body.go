// Package strict reads queries and bodies against the contract before generated
// code does, and says of everything that is wrong where it is: unknown and
// repeated names, wrong types, undefined enum values.
//
// What it lets through, the generated gateway can decode. Whether a value is
// allowed (lengths, patterns, ranges) is for the services to say.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
)

const maxFields = 32 // violations told at once

// Body reads the body of a call that found m. It returns the body as generated
// code is to read it, the fields that stand directly in it, and a
// *problem.Problem for whatever is wrong.
func Body(m route.Match, body []byte, maxDepth int) ([]byte, []protoreflect.FieldDescriptor, error) {
	if err := shape(body, within(m.Route), maxDepth); err != nil {
		return nil, nil, err
	}
	r := reader{route: m.Route, body: body, dec: json.NewDecoder(bytes.NewReader(body)), bound: jsonNames(m), tellings: map[protoreflect.FullName]*telling{}}
	r.dec.UseNumber()
	set, err := r.root(m.Route)
	if err != nil {
		return nil, nil, err
	}
	if len(r.wrong) > 0 {
		return nil, nil, problem.Invalid(r.wrong...)
	}
	return r.rewritten(), set, nil
}

// jsonNames returns what the path gives, by the field's path in JSON names.
func jsonNames(m route.Match) map[string]string {
	bound := make(map[string]string, len(m.Bound))
	for field, value := range m.Bound {
		bound[problem.JSONPath(m.Route.Input(), field)] = value
	}
	return bound
}

// reader walks over one body, which is known to be JSON.
type reader struct {
	route *route.Route
	body  []byte
	dec   *json.Decoder
	bound map[string]string
	wrong []problem.Field
	edits []edit

	tellings map[protoreflect.FullName]*telling // those that were looked for
}

// root reads the body as what the rule says it is.
func (r *reader) root(rt *route.Route) ([]protoreflect.FieldDescriptor, error) {
	message, path := rt.Input(), within(rt)
	if f := bodyOf(rt); f != nil {
		if f.Message() == nil || f.Cardinality() == protoreflect.Repeated || known(f.Message()) {
			return nil, r.field(f, path)
		}
		message = f.Message()
	}
	token, err := r.dec.Token()
	if err != nil {
		return nil, unreadable(err)
	}
	if token != json.Delim('{') {
		return nil, problem.Malformed(problem.Field{
			Path: problem.Body, Rule: "type", Text: problem.Text{Zh: "应为 JSON 对象", En: "it must be a JSON object"},
		})
	}
	set, err := r.object(message, path)
	if rt.Body != "*" {
		r.misplaced(rt, set, path)
	}
	return set, err
}

// bodyOf is the field that the body is the value of, or nil if it is all the request.
func bodyOf(rt *route.Route) protoreflect.FieldDescriptor {
	if rt.Body == "*" {
		return nil
	}
	return rt.Input().Fields().ByName(protoreflect.Name(rt.Body))
}

// within is the path of the body as a whole.
func within(rt *route.Route) string {
	if f := bodyOf(rt); f != nil {
		return f.JSONName()
	}
	return ""
}

// misplaced tells of members that the service would not read, because clients are
// only told them, and that are parameters of the call under the same name: who
// sends them means those.
func (r *reader) misplaced(rt *route.Route, set []protoreflect.FieldDescriptor, path string) {
	for _, f := range set {
		text := asked(rt, string(f.Name()))
		if text != (problem.Text{}) && behaves(f, annotations.FieldBehavior_OUTPUT_ONLY) {
			r.tell(join(path, f.JSONName()), "query", text)
		}
	}
}

// unknown tells of a member that is none: at the top of the body it may be a parameter.
func (r *reader) unknown(at, path, name string) {
	if text := asked(r.route, name); path == within(r.route) && text != (problem.Text{}) {
		r.tell(at, "query", text)
		return
	}
	r.tell(at, "unknown", unknownField)
}

// unreadable wraps what cannot happen to a body that passed shape.
func unreadable(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading a body that was found to be JSON: %w", err)
}

func (r *reader) tell(path, rule string, text problem.Text) {
	if len(r.wrong) < maxFields {
		r.wrong = append(r.wrong, problem.Field{Path: path, Rule: rule, Text: text})
	}
}

// object reads the members of a message and the brace that closes it.
func (r *reader) object(message protoreflect.MessageDescriptor, path string) (set []protoreflect.FieldDescriptor, err error) {
	told := r.telling(message)
	for r.dec.More() {
		name, err := r.key(path)
		if err != nil {
			return nil, err
		}
		at := join(path, name)
		f := route.Named(message, name)
		switch {
		case f == nil:
			r.unknown(at, path, name)
		case slices.Contains(set, f):
			r.tell(at, "duplicate", duplicateField)
		default:
			if of := f.ContainingOneof(); of != nil && slices.ContainsFunc(set, among(of)) {
				r.tell(at, "oneof", oneOf(of))
			}
			set = append(set, f)
			read := r.field
			if told.concerns(f) {
				read = told.read(r)
			}
			if err := read(f, join(path, f.JSONName())); err != nil {
				return nil, err
			}
			continue
		}
		if _, err := r.raw(); err != nil {
			return nil, err
		}
	}
	_, err = r.dec.Token()
	r.edits = append(r.edits, told.edits(r.dec.InputOffset()-1, len(set) > 0)...)
	return set, err
}

func among(of protoreflect.OneofDescriptor) func(protoreflect.FieldDescriptor) bool {
	return func(f protoreflect.FieldDescriptor) bool { return f.ContainingOneof() == of }
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
