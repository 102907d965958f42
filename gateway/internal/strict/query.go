package strict

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
)

var (
	unknownParameter  = problem.Text{Zh: "没有这个参数", En: "there is no such parameter"}
	repeatedParameter = problem.Text{Zh: "参数重复", En: "the parameter is given more than once"}
	notText           = problem.Text{Zh: "参数编码有误", En: "the parameter is not properly encoded"}
)

// Query reads the query of a call, and returns it as generated code takes it:
// under proto names. The error is a *problem.Problem that names the parameters.
func Query(rt *route.Route, raw string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem.Invalid(problem.Field{Path: misencoded(raw), Rule: "encoding", Text: notText})
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(rt.Input().FullName())
	if err != nil {
		return nil, fmt.Errorf("reading a query: %w", err)
	}
	q := query{route: rt, scratch: kind.New().Interface(), read: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if text, rule := q.parameter(name, values[name]); rule != "" && len(q.wrong) < maxFields {
			q.wrong = append(q.wrong, problem.Field{Path: strings.ToValidUTF8(name, "?"), Rule: rule, Text: text})
		}
	}
	if len(q.wrong) > 0 {
		return nil, problem.Invalid(q.wrong...)
	}
	return q.read, nil
}

// misencoded names the parameter that is not properly encoded, or is "?" if its name is not.
func misencoded(raw string) string {
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		read, err := url.QueryUnescape(name)
		if _, wrong := url.QueryUnescape(value); err == nil && wrong == nil && !strings.Contains(pair, ";") {
			continue
		}
		if err == nil && read != "" && !strings.Contains(name, ";") {
			return strings.ToValidUTF8(read, "?")
		}
		break
	}
	return "?"
}

type query struct {
	route   *route.Route
	scratch proto.Message
	read    url.Values
	wrong   []problem.Field
}

// parameter reads one parameter; of a wrong one it says what and by which rule.
func (q *query) parameter(name string, values []string) (problem.Text, string) {
	f := route.Field(q.route.Input(), name)
	path := protoPath(q.route.Input(), name)
	switch {
	case f == nil || f.IsMap() || structured(f) || q.elsewhere(path):
		if text := enclosed(q.route, name); text != (problem.Text{}) {
			return text, "body"
		}
		return unknownParameter, "unknown"
	case slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }):
		return notText, "encoding"
	case q.read.Has(path) || len(values) > 1 && !f.IsList():
		return repeatedParameter, "duplicate"
	}
	if isMask(f) {
		mask, unknown := protoMask(q.route, values[0])
		if unknown != "" {
			return noField(unknown), "mask"
		}
		values = []string{mask}
	}
	if of := q.taken(f); of != nil {
		return oneOf(of), "oneof"
	}
	if err := runtime.PopulateQueryParameters(q.scratch, url.Values{path: values}, &utilities.DoubleArray{}); err != nil {
		return expected(f, 0), rule(f)
	}
	q.read[path] = values
	return problem.Text{}, ""
}

// taken returns the oneof of f if another parameter has set it, or nil.
func (q *query) taken(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	of, message := f.ContainingOneof(), q.scratch.ProtoReflect()
	if of == nil || of.IsSynthetic() || of.Parent() != message.Descriptor() || message.WhichOneof(of) == nil {
		return nil
	}
	return of
}

// elsewhere says whether the path or the body of the request gives the field.
func (q *query) elsewhere(path string) bool {
	first, _, _ := strings.Cut(path, ".")
	return q.route.Body == "*" || q.route.Body == first || slices.Contains(q.route.Fields(), path)
}

// protoPath writes a field's path by proto names; of what is no field, nothing.
func protoPath(message protoreflect.MessageDescriptor, path string) string {
	var names []string
	for name := range strings.SplitSeq(path, ".") {
		if message == nil {
			return ""
		}
		f := route.Named(message, name)
		if f == nil {
			return ""
		}
		names = append(names, string(f.Name()))
		message = f.Message()
	}
	return strings.Join(names, ".")
}

func isMask(f protoreflect.FieldDescriptor) bool {
	return f.Message() != nil && f.Message().FullName() == "google.protobuf.FieldMask"
}

// protoMask writes a mask by proto names. Its paths are those of the resource in
// the body; "*" stands for all. unknown is one that is none, as it can be told.
func protoMask(rt *route.Route, mask string) (names, unknown string) {
	resource := rt.Input().Fields().ByName(protoreflect.Name(rt.Body))
	if mask == "" || mask == "*" || resource == nil || resource.Message() == nil {
		return mask, ""
	}
	var paths []string
	for path := range strings.SplitSeq(mask, ",") {
		if route.Field(resource.Message(), path) == nil {
			return "", fmt.Sprintf("%.64q", path)
		}
		paths = append(paths, protoPath(resource.Message(), path))
	}
	return strings.Join(paths, ","), ""
}

// Mask sets, for a call that updates a resource and was given no mask, the fields
// that stand in the body, but for those that no client writes. A null clears.
func Mask(rt *route.Route, query url.Values, body []protoreflect.FieldDescriptor) {
	f := rt.Input().Fields().ByName("update_mask")
	if f == nil || !isMask(f) || query.Get("update_mask") != "" {
		return
	}
	query.Del("update_mask") // an empty one is none
	var paths []string
	for _, field := range body {
		if writable(field) {
			paths = append(paths, string(field.Name()))
		}
	}
	if len(paths) > 0 {
		query.Set("update_mask", strings.Join(paths, ","))
	}
}

func writable(f protoreflect.FieldDescriptor) bool {
	if f.Name() == "name" || f.Name() == "etag" {
		return false
	}
	return !behaves(f, annotations.FieldBehavior_OUTPUT_ONLY) && !behaves(f, annotations.FieldBehavior_IDENTIFIER)
}

// behaves says whether the contract calls the field that.
func behaves(f protoreflect.FieldDescriptor, as annotations.FieldBehavior) bool {
	behaviors, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behaviors, as)
}
