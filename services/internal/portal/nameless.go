package portal

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Nameless returns an answer without the persons (人员) that it names: for portals
// there is no staff, and so nobody who signed, filed, inspected or is responsible.
// A text that is the name of a member, of what a member has, or of a key that is not
// the caller's own is empty; lists leave it out. It goes by what texts say, so that a
// new field is not forgotten.
func Nameless[M proto.Message](answer M, key string) M {
	shown := proto.CloneOf(answer)
	(&censor{key}).strip(shown.ProtoReflect())
	return shown
}

type censor struct{ key string }

func (c *censor) strip(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
			c.stripMap(field, v.Map())
		case field.IsList():
			c.stripList(field, v.List())
		case field.Message() != nil:
			c.strip(v.Message())
		case c.person(field, v):
			m.Set(field, nobody)
		}
		return true
	})
}

func (c *censor) stripList(field protoreflect.FieldDescriptor, list protoreflect.List) {
	kept := 0
	for i := range list.Len() {
		v := list.Get(i)
		if field.Message() != nil {
			c.strip(v.Message())
		}
		if !c.person(field, v) {
			list.Set(kept, v)
			kept++
		}
	}
	list.Truncate(kept)
}

func (c *censor) stripMap(field protoreflect.FieldDescriptor, entries protoreflect.Map) {
	entries.Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
		switch {
		case c.person(field.MapKey(), key.Value()):
			entries.Clear(key)
		case field.MapValue().Message() != nil:
			c.strip(v.Message())
		case c.person(field.MapValue(), v):
			entries.Set(key, nobody)
		}
		return true
	})
}

// nobody stands where a person is left out.
var nobody = protoreflect.ValueOfString("")

// person says whether a text names a member, units/{unit}/members/{member}, or a key
// of somebody else's, apiKeys/{key}, by which a person is told again.
func (c *censor) person(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
	if field.Kind() != protoreflect.StringKind {
		return false
	}
	if strings.HasPrefix(v.String(), "apiKeys/") {
		return v.String() != c.key
	}
	unit, found := strings.CutPrefix(v.String(), "units/")
	_, rest, within := strings.Cut(unit, "/")
	return found && within && strings.HasPrefix(rest, "members/")
}
