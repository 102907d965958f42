package portal

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Nameless returns an answer without the persons (人员) that it names: for portals
// there is no staff, and so nobody who signed, filed, inspected or is responsible.
// A text that is the name of a member, or of what a member has, is empty; lists
// leave it out. It goes by what texts say, so that a new field is not forgotten.
func Nameless[M proto.Message](answer M) M {
	shown := proto.CloneOf(answer)
	strip(shown.ProtoReflect())
	return shown
}

func strip(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
			stripMap(field, v.Map())
		case field.IsList():
			stripList(field, v.List())
		case field.Message() != nil:
			strip(v.Message())
		case person(field, v):
			m.Set(field, nobody)
		}
		return true
	})
}

func stripList(field protoreflect.FieldDescriptor, list protoreflect.List) {
	kept := 0
	for i := range list.Len() {
		v := list.Get(i)
		if field.Message() != nil {
			strip(v.Message())
		}
		if !person(field, v) {
			list.Set(kept, v)
			kept++
		}
	}
	list.Truncate(kept)
}

func stripMap(field protoreflect.FieldDescriptor, entries protoreflect.Map) {
	entries.Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
		switch {
		case person(field.MapKey(), key.Value()):
			entries.Clear(key)
		case field.MapValue().Message() != nil:
			strip(v.Message())
		case person(field.MapValue(), v):
			entries.Set(key, nobody)
		}
		return true
	})
}

// nobody stands where a person is left out.
var nobody = protoreflect.ValueOfString("")

// person says whether a text names a member, units/{unit}/members/{member}.
func person(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
	if field.Kind() != protoreflect.StringKind {
		return false
	}
	unit, found := strings.CutPrefix(v.String(), "units/")
	_, rest, within := strings.Cut(unit, "/")
	return found && within && strings.HasPrefix(rest, "members/")
}
