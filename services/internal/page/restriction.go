package page

import (
	"slices"
	"strings"

	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// restriction compiles "field operator value".
func (c compiler) restriction(op operator, left, right *expr.Expr) (predicate, error) {
	path, err := pathOf(left)
	if err != nil {
		return nil, err
	}
	r := restriction{op: op, path: strings.Join(path, ".")}
	if r.value, err = r.literal(right); err != nil {
		return nil, err
	}
	return r.message(c.md, path)
}

// pathOf returns the names of a dotted path. It ends because the text does.
func pathOf(e *expr.Expr) ([]string, error) {
	var names []string
	for ; e.GetSelectExpr() != nil; e = e.GetSelectExpr().GetOperand() {
		names = append(names, e.GetSelectExpr().GetField())
	}
	if e.GetIdentExpr() == nil {
		return nil, refuse("运算符左边应为字段名", "the left side of an operator must be a field")
	}
	names = append(names, e.GetIdentExpr().GetName())
	slices.Reverse(names)
	return names, nil
}

// restriction is one on its way to become a predicate.
type restriction struct {
	op    operator
	value any    // a string, an int64 or a float64
	path  string // all of it, for faults
}

// literal reads the value on the right side.
func (r restriction) literal(e *expr.Expr) (any, error) {
	if e.GetIdentExpr() != nil {
		return e.GetIdentExpr().GetName(), nil
	}
	switch constant := e.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		return constant.StringValue, nil
	case *expr.Constant_Int64Value:
		return constant.Int64Value, nil
	case *expr.Constant_DoubleValue:
		return constant.DoubleValue, nil
	}
	return nil, refuse("%q 的值应为数字、名称或引号内的文字", "the value of %q must be a number, a name or a quoted text", r.path)
}

// asksPresence tells whether the restriction asks only if a field is set.
func (r restriction) asksPresence() bool { return r.op == has && r.value == any("*") }

// message compiles the restriction of what path leads to from messages of a
// type.
func (r restriction) message(md protoreflect.MessageDescriptor, path []string) (predicate, error) {
	field, rest := named(md.Fields(), path[0]), path[1:]
	switch {
	case field == nil || proto.HasExtension(field.Options(), feedv1.E_Sealed):
		return nil, refuse("没有字段 %q", "unknown field %q", r.path)
	case field.IsMap():
		return r.mapping(field, rest)
	case field.IsList():
		return r.list(field, rest)
	case len(rest) == 0:
		return r.single(field)
	case field.Message() == nil:
		return nil, refuse("没有字段 %q", "unknown field %q", r.path)
	}
	inner, err := r.message(field.Message(), rest)
	if err != nil {
		return nil, err
	}
	return func(m protoreflect.Message) bool { return m.Has(field) && inner(m.Get(field).Message()) }, nil
}

// named finds a field by its name in the contract or in JSON.
func named(fields protoreflect.FieldDescriptors, name string) protoreflect.FieldDescriptor {
	if field := fields.ByName(protoreflect.Name(name)); field != nil {
		return field
	}
	return fields.ByJSONName(name)
}

func (r restriction) single(field protoreflect.FieldDescriptor) (predicate, error) {
	if r.asksPresence() {
		return isSet(field), nil
	}
	passes, err := r.test(field)
	if err != nil {
		return nil, err
	}
	if !field.HasPresence() {
		return func(m protoreflect.Message) bool { return passes(m.Get(field)) }, nil
	}
	return func(m protoreflect.Message) bool { return m.Has(field) && passes(m.Get(field)) }, nil
}

func isSet(field protoreflect.FieldDescriptor) predicate {
	return func(m protoreflect.Message) bool { return m.Has(field) }
}

func (r restriction) list(field protoreflect.FieldDescriptor, rest []string) (predicate, error) {
	if r.op != has {
		return nil, r.refuseOperator()
	}
	if r.asksPresence() && len(rest) == 0 {
		return isSet(field), nil
	}
	passes, err := r.element(field, rest)
	if err != nil {
		return nil, err
	}
	return func(m protoreflect.Message) bool {
		list := m.Get(field).List()
		for i := range list.Len() {
			if passes(list.Get(i)) {
				return true
			}
		}
		return false
	}, nil
}

// element compiles the test of one element of a repeated field.
func (r restriction) element(field protoreflect.FieldDescriptor, rest []string) (test, error) {
	if len(rest) == 0 {
		return r.test(field)
	}
	if field.Message() == nil {
		return nil, refuse("没有字段 %q", "unknown field %q", r.path)
	}
	inner, err := r.message(field.Message(), rest)
	if err != nil {
		return nil, err
	}
	return func(v protoreflect.Value) bool { return inner(v.Message()) }, nil
}

func (r restriction) mapping(field protoreflect.FieldDescriptor, rest []string) (predicate, error) {
	switch {
	case field.MapKey().Kind() != protoreflect.StringKind || len(rest) > 1:
		return nil, refuse("没有字段 %q", "unknown field %q", r.path)
	case len(rest) == 1:
		return r.under(field, protoreflect.ValueOfString(rest[0]).MapKey())
	case r.op != has:
		return nil, r.refuseOperator()
	case r.asksPresence():
		return isSet(field), nil
	}
	passes, err := r.test(field.MapKey())
	if err != nil {
		return nil, err
	}
	return func(m protoreflect.Message) (found bool) {
		m.Get(field).Map().Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
			found = passes(key.Value())
			return !found
		})
		return found
	}, nil
}

// under compiles the restriction of the value under a key of a map.
func (r restriction) under(field protoreflect.FieldDescriptor, key protoreflect.MapKey) (predicate, error) {
	if r.asksPresence() {
		return func(m protoreflect.Message) bool { return m.Get(field).Map().Has(key) }, nil
	}
	passes, err := r.test(field.MapValue())
	if err != nil {
		return nil, err
	}
	return func(m protoreflect.Message) bool {
		v := m.Get(field).Map().Get(key)
		return v.IsValid() && passes(v)
	}, nil
}

func (r restriction) refuseOperator() error {
	return refuse("字段 %q 不能用运算符 %s", "field %q does not have the operator %s", r.path, r.op)
}

func (r restriction) refuseValue(zh, en string) error {
	return refuse("字段 %q 的值应为"+zh, "the value of field %q must be "+en, r.path)
}
