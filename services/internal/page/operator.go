package page

import (
	"cmp"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// operator stands between a field and a value.
type operator string

const (
	equal        operator = "="
	unequal      operator = "!="
	less         operator = "<"
	lessEqual    operator = "<="
	greater      operator = ">"
	greaterEqual operator = ">="
	has          operator = ":"
)

// holds returns whether the operator is true of a value that compares to the
// restriction's as c tells: negative for less, 0 for equal, positive for more.
func (op operator) holds(c int) bool {
	switch op {
	case unequal:
		return c != 0
	case less:
		return c < 0
	case lessEqual:
		return c <= 0
	case greater:
		return c > 0
	case greaterEqual:
		return c >= 0
	default: // equal, and has on one value
		return c == 0
	}
}

// orders tells whether the operator asks which is more.
func (op operator) orders() bool { return op != equal && op != unequal && op != has }

// test decides about one value that is there.
type test func(protoreflect.Value) bool

// test compiles the comparison of a field's value, or of an element of it.
func (r restriction) test(field protoreflect.FieldDescriptor) (test, error) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return r.text()
	case protoreflect.BoolKind:
		return r.boolean()
	case protoreflect.EnumKind:
		return r.enum(field.Enum())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return r.float(field.Kind())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return r.integer()
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return r.natural()
	case protoreflect.MessageKind:
		if field.Message().FullName() == "google.protobuf.Timestamp" {
			return r.instant(field.Message())
		}
	}
	return nil, r.refuseOperator()
}

func comparing[T cmp.Ordered](op operator, read func(protoreflect.Value) T, want T) test {
	return func(v protoreflect.Value) bool { return op.holds(cmp.Compare(read(v), want)) }
}

func (r restriction) text() (test, error) {
	want, ok := r.value.(string)
	if !ok {
		return nil, r.refuseValue("文字，请加引号", "a text, in quotes")
	}
	if r.op.orders() || !strings.Contains(want, "*") {
		return comparing(r.op, protoreflect.Value.String, want), nil
	}
	start, _ := strings.CutSuffix(want, "*")
	if strings.Contains(start, "*") {
		return nil, r.refuseValue("只在末尾带 * 的文字", "a text with * at its end only")
	}
	return func(v protoreflect.Value) bool {
		return strings.HasPrefix(v.String(), start) == (r.op != unequal)
	}, nil
}

func (r restriction) boolean() (test, error) {
	if r.op.orders() {
		return nil, r.refuseOperator()
	}
	if r.value != any("true") && r.value != any("false") {
		return nil, r.refuseValue(" true 或 false", "true or false")
	}
	want := (r.value == any("true")) == (r.op != unequal)
	return func(v protoreflect.Value) bool { return v.Bool() == want }, nil
}

// enum finds the value by its name, or by what follows the enum's prefix, which
// is what stands before UNSPECIFIED in the name of its zero.
func (r restriction) enum(ed protoreflect.EnumDescriptor) (test, error) {
	if r.op.orders() {
		return nil, r.refuseOperator()
	}
	name, _ := r.value.(string)
	value := ed.Values().ByName(protoreflect.Name(name))
	if prefix, ok := strings.CutSuffix(string(ed.Values().Get(0).Name()), "UNSPECIFIED"); ok && value == nil {
		value = ed.Values().ByName(protoreflect.Name(prefix + name))
	}
	if value == nil {
		return nil, r.refuseValue(" "+string(ed.FullName())+" 的取值名", "a name of "+string(ed.FullName()))
	}
	return comparing(r.op, protoreflect.Value.Enum, value.Number()), nil
}

func (r restriction) integer() (test, error) {
	want, ok := r.value.(int64)
	if !ok {
		return nil, r.refuseValue("整数", "an integer")
	}
	return comparing(r.op, protoreflect.Value.Int, want), nil
}

func (r restriction) natural() (test, error) {
	want, ok := r.value.(int64)
	if !ok || want < 0 {
		return nil, r.refuseValue("非负整数", "an integer that is not negative")
	}
	return comparing(r.op, protoreflect.Value.Uint, uint64(want)), nil
}

// float compares single-precision fields in their precision, so that 0.1 equals
// 0.1.
func (r restriction) float(kind protoreflect.Kind) (test, error) {
	want, ok := r.value.(float64)
	if whole, isInt := r.value.(int64); isInt {
		want, ok = float64(whole), true
	}
	if !ok {
		return nil, r.refuseValue("数字", "a number")
	}
	if kind == protoreflect.FloatKind {
		want = float64(float32(want))
	}
	return comparing(r.op, protoreflect.Value.Float, want), nil
}

func (r restriction) instant(md protoreflect.MessageDescriptor) (test, error) {
	text, _ := r.value.(string)
	want, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, r.refuseValue("引号内的 RFC 3339 时刻", "an instant as in RFC 3339, in quotes")
	}
	seconds, nanos := md.Fields().ByName("seconds"), md.Fields().ByName("nanos")
	return func(v protoreflect.Value) bool {
		m := v.Message()
		return r.op.holds(time.Unix(m.Get(seconds).Int(), m.Get(nanos).Int()).Compare(want))
	}, nil
}
