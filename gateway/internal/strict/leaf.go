package strict

import (
	"encoding/json"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/duban-project/duban/gateway/internal/problem"
)

// leaf checks a value without members of its own. Value is f itself, or the
// value of the map f; key the entry's.
func (r *reader) leaf(f, value protoreflect.FieldDescriptor, key string, raw json.RawMessage, path string) {
	switch text := miswritten(raw); {
	case text != problem.Text{}:
		r.tell(path, "encoding", text)
	case !decodes(f, value, key, raw):
		r.tell(path, rule(value), expected(value, 0))
	case value.Kind() == protoreflect.StringKind:
		r.agree(path, raw)
	}
}

// agree compares a field with what the path gives for it.
func (r *reader) agree(path string, raw json.RawMessage) {
	want, ok := r.bound[path]
	var got string
	if !ok || json.Unmarshal(raw, &got) == nil && (got == want || got == "") {
		return
	}
	r.tell(path, "path", differsFromPath)
}

// decodes says whether generated code takes the value. Strings and enums, of which
// there may be many, it knows itself; for the rest it asks the decoder.
func decodes(f, value protoreflect.FieldDescriptor, key string, raw json.RawMessage) bool {
	if !f.IsMap() || f.MapKey().Kind() == protoreflect.StringKind {
		switch {
		case value.Kind() == protoreflect.StringKind:
			return raw[0] == '"'
		case value.Enum() != nil && value.Enum().FullName() != "google.protobuf.NullValue":
			return defined(value.Enum(), raw)
		}
	}
	text := slices.Concat([]byte(`{"`+f.JSONName()+`":`), wrap(f, key, raw), []byte(`}`))
	return protojson.Unmarshal(text, dynamicpb.NewMessage(f.ContainingMessage())) == nil
}

func wrap(f protoreflect.FieldDescriptor, key string, raw json.RawMessage) []byte {
	switch {
	case f.IsMap():
		name, _ := json.Marshal(key) // a string always encodes
		return slices.Concat([]byte{'{'}, name, []byte{':'}, raw, []byte{'}'})
	case f.IsList():
		return slices.Concat([]byte{'['}, raw, []byte{']'})
	}
	return raw
}

// defined says whether an enum has the name or the number. Generated code would
// take any number.
func defined(enum protoreflect.EnumDescriptor, raw json.RawMessage) bool {
	var name string
	if raw[0] == '"' {
		return json.Unmarshal(raw, &name) == nil && enum.Values().ByName(protoreflect.Name(name)) != nil
	}
	number, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && number == float64(int32(number)) && enum.Values().ByNumber(protoreflect.EnumNumber(number)) != nil
}
