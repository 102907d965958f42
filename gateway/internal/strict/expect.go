package strict

import (
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
)

var (
	unknownField    = problem.Text{Zh: "没有这个字段", En: "there is no such field"}
	duplicateField  = problem.Text{Zh: "字段重复", En: "the field stands here twice"}
	differsFromPath = problem.Text{Zh: "与地址中的名称不一致", En: "differs from the name in the path"}
)

func noField(name string) problem.Text {
	return problem.Text{Zh: "没有字段 " + name, En: "there is no field " + name}
}

func oneOf(of protoreflect.OneofDescriptor) problem.Text {
	var names []string
	for i := range of.Fields().Len() {
		names = append(names, of.Fields().Get(i).JSONName())
	}
	list := strings.Join(names, ", ")
	return problem.Text{Zh: "只能给出其中之一：" + list, En: "only one may be given of " + list}
}

// rule names the rule that a value breaks which does not decode.
func rule(f protoreflect.FieldDescriptor) string {
	if f.Enum() != nil {
		return "enum"
	}
	return "type"
}

// expected says what a field's value must be; open says of lists and objects what
// they begin with.
func expected(f protoreflect.FieldDescriptor, open json.Delim) problem.Text {
	switch open {
	case '[':
		return problem.Text{Zh: "应为数组", En: "must be an array"}
	case '{':
		return problem.Text{Zh: "应为对象", En: "must be an object"}
	}
	switch f.Kind() {
	case protoreflect.EnumKind:
		return member(f.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return wellKnown(f.Message())
	}
	return scalar(f.Kind())
}

func scalar(kind protoreflect.Kind) problem.Text {
	switch kind {
	case protoreflect.BoolKind:
		return problem.Text{Zh: "应为 true 或 false", En: "must be true or false"}
	case protoreflect.StringKind:
		return problem.Text{Zh: "应为字符串", En: "must be a string"}
	case protoreflect.BytesKind:
		return problem.Text{Zh: "应为 Base64 字符串", En: "must be a string in Base64"}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return problem.Text{Zh: "应为数字", En: "must be a number"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return problem.Text{Zh: "应为 32 位整数", En: "must be an integer of 32 bits"}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return problem.Text{Zh: "应为 32 位非负整数", En: "must be a non-negative integer of 32 bits"}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return problem.Text{Zh: "应为 64 位非负整数（字符串）", En: "must be a non-negative integer of 64 bits, as a string"}
	}
	return problem.Text{Zh: "应为 64 位整数（字符串）", En: "must be an integer of 64 bits, as a string"}
}

// member lists the values of an enum, without the first, which says nothing.
func member(enum protoreflect.EnumDescriptor) problem.Text {
	var names []string
	for i := 1; i < enum.Values().Len(); i++ {
		names = append(names, string(enum.Values().Get(i).Name()))
	}
	list := strings.Join(names, ", ")
	return problem.Text{Zh: "应为以下之一：" + list, En: "must be one of " + list}
}

func wellKnown(m protoreflect.MessageDescriptor) problem.Text {
	switch m.FullName() {
	case "google.protobuf.Timestamp":
		return problem.Text{Zh: "应为时间，例如 2026-09-01T08:00:00Z", En: "must be an instant such as 2026-09-01T08:00:00Z"}
	case "google.protobuf.Duration":
		return problem.Text{Zh: "应为时长，例如 30s", En: "must be a duration such as 30s"}
	case "google.protobuf.FieldMask":
		return problem.Text{Zh: "应为字段名列表，以逗号分隔", En: "must be names of fields, separated by commas"}
	}
	name := string(m.Name())
	return problem.Text{Zh: "应为 " + name + " 的 JSON 形式", En: "must be the JSON of " + name}
}
