package portal_test

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/portal"
)

const member = "units/a/members/b"

// fill writes a member's name into every text of a message, and of those within it.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case field.IsMap():
			entries := m.Mutable(field).Map()
			for _, key := range []string{member, "a"} {
				if field.MapKey().Kind() == protoreflect.StringKind {
					entries.Set(protoreflect.ValueOfString(key).MapKey(), filled(field.MapValue(), entries.NewValue(), depth))
				}
			}
		case field.IsList():
			list := m.Mutable(field).List()
			list.Append(filled(field, list.NewElement(), depth))
		case field.Message() != nil && depth > 0:
			fill(m.Mutable(field).Message(), depth-1)
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(member))
		}
	}
}

func filled(field protoreflect.FieldDescriptor, v protoreflect.Value, depth int) protoreflect.Value {
	switch {
	case field.Message() != nil && depth > 0:
		fill(v.Message(), depth-1)
	case field.Kind() == protoreflect.StringKind:
		return protoreflect.ValueOfString(member)
	}
	return v
}

// Whatever the contract has, or will have: no text of it names a member to a portal.
func TestNothingThatPortalsReadNamesAMember(t *testing.T) {
	n := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if name := mt.Descriptor().FullName(); !strings.HasPrefix(string(name), "duban.") {
			return true
		}
		m := mt.New()
		fill(m, 4)
		was := m.Interface()
		before, err := proto.Marshal(was)
		if err != nil {
			t.Fatal(err)
		}
		after, err := proto.Marshal(portal.Nameless(was, "apiKeys/own"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(before, []byte(member)) {
			n++
		}
		if bytes.Contains(after, []byte("members/")) {
			t.Errorf("%s names a member: %q", mt.Descriptor().FullName(), after)
		}
		if still, err := proto.Marshal(was); err != nil || len(still) != len(before) {
			t.Errorf("%s was changed itself, %v", mt.Descriptor().FullName(), err)
		}
		return true
	})
	if n < 100 {
		t.Errorf("%d messages had a member, which cannot be all", n)
	}
}

// What names nobody stays.
func TestTheRestStays(t *testing.T) {
	data, err := structpb.NewStruct(map[string]any{"signer": member, "apiKey": "apiKeys/theirs", "list": []any{member, "x"}, "unit": "units/a"})
	if err != nil {
		t.Fatal(err)
	}
	got := portal.Nameless(data, "apiKeys/own").AsMap()
	if list := got["list"].([]any); got["signer"] != "" || got["apiKey"] != "" || got["unit"] != "units/a" || list[1] != "x" || list[0] != "" {
		t.Errorf("%v", got)
	}
	for _, text := range []string{"units/a", "units/members/x", "machines/a", "见 units/a/members/b", "units/a/problems/members", "apiKeys/own"} {
		if c := portal.Nameless(&campaignv1.Campaign{Objective: text}, "apiKeys/own"); c.GetObjective() != text {
			t.Errorf("%q became %q", text, c.GetObjective())
		}
	}
}
