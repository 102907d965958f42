package route

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// contract makes a service whose calls take {name, parent, other{name}} and have
// the rules given.
func contract(t testing.TB, rules ...*annotations.HttpRule) protoreflect.ServiceDescriptor {
	t.Helper()
	text := func(name string, number int32) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: &name, JsonName: &name, Number: &number,
			Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	inner := text("other", 3)
	inner.Type, inner.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".t.Other")
	count := text("count", 4)
	count.Type = descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum()
	service := &descriptorpb.ServiceDescriptorProto{Name: proto.String("S")}
	for i, rule := range rules {
		options := &descriptorpb.MethodOptions{}
		if rule != nil {
			proto.SetExtension(options, annotations.E_Http, rule)
		}
		service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
			Name: proto.String(string(rune('A' + i))), InputType: proto.String(".t.In"), OutputType: proto.String(".t.Other"), Options: options,
		})
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("t.proto"), Package: proto.String("t"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("In"), Field: []*descriptorpb.FieldDescriptorProto{text("name", 1), text("parent", 2), inner, count}},
			{Name: proto.String("Other"), Field: []*descriptorpb.FieldDescriptorProto{text("name", 1)}},
		},
		Service: []*descriptorpb.ServiceDescriptorProto{service},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0)
}

func get(path string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: path}}
}

func post(path string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: path}, Body: "*"}
}

func patch(path, body string) *annotations.HttpRule {
	return &annotations.HttpRule{Pattern: &annotations.HttpRule_Patch{Patch: path}, Body: body}
}

func TestFind(t *testing.T) {
	more := get("/v1/x")
	more.AdditionalBindings = []*annotations.HttpRule{get("/v1/y")}
	table, err := New(contract(t,
		get("/v1/{name=units/*}"), patch("/v1/{other.name=units/*}", "other"), post("/v1/{name=units/*}:move"), post("/v1/units:import"),
		get("/v1/{parent=a/*}/b/{name}"), get("/v2/{name=**}"), get("/v3/{name=**}/parts/{parent}:open"), more, nil,
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, call string
		bound              map[string]string
	}{
		{"GET", "/v1/units/a", "A", map[string]string{"name": "units/a"}},
		{"PATCH", "/v1/units/a", "B", map[string]string{"other.name": "units/a"}},
		{"POST", "/v1/units/a:move", "C", map[string]string{"name": "units/a"}},
		{"POST", "/v1/units:import", "D", map[string]string{}},
		{"GET", "/v1/a/x/b/y", "E", map[string]string{"parent": "a/x", "name": "y"}},
		{"GET", "/v2/p", "F", map[string]string{"name": "p"}},
		{"GET", "/v2/p/q/r", "F", map[string]string{"name": "p/q/r"}},
		{"GET", "/v3/p/parts/parts/q:open", "G", map[string]string{"name": "p/parts", "parent": "q"}},
		{"GET", "/v1/x", "H", map[string]string{}},
		{"GET", "/v1/y", "H", map[string]string{}},
		{"GET", "/v1/units/a:move", "only POST", nil},
		{"GET", "/v1/units", "none", nil},
		{"POST", "/v1/units:imports", "none", nil},
		{"POST", "/v1/units:import:import", "none", nil},
		{"GET", "/v2", "none", nil},
		{"GET", "/v2/", "none", nil},
		{"GET", "v2/a", "none", nil},
		{"GET", "", "none", nil},
		{"GET", "/v2" + strings.Repeat("/a", maxSegments), "none", nil},
	} {
		m := table.Find(c.method, c.path)
		got := "none"
		switch {
		case m.Route != nil:
			got = string(m.Route.Call.Name())
		case len(m.Allow) > 0:
			got = "only " + strings.Join(m.Allow, ", ")
		}
		if got != c.call {
			t.Errorf("%s %s is %s, want %s", c.method, c.path, got, c.call)
		}
		if diff := cmp.Diff(c.bound, m.Bound); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.method, c.path, diff)
		}
	}
}

func TestContradictionsAreErrors(t *testing.T) {
	for want, rules := range map[string][]*annotations.HttpRule{
		"fits paths of /v1/{name=units/*}":     {get("/v1/{name=units/*}"), get("/v1/units/mine")},
		"fits paths of /v1/{name=**}/a":        {get("/v1/{name=**}/a"), get("/v1/x/y/{name}")},
		"no string of the request":             {get("/v1/{count}")},
		"which is no string":                   {get("/v1/{nothing}")},
		"the body nothing is no field":         {patch("/v1/a", "nothing")},
		"the rule has no method":               {{}},
		"does not begin with a slash":          {get("v1")},
		"a brace is not closed":                {get("/v1/{name")},
		"a variable fills whole segments only": {get("/v1/{name}x")},
		`"" is no segment`:                     {get("/v1//a")},
		`"a*" is no segment`:                   {get("/v1/{name=a*}")},
	} {
		if _, err := New(contract(t, rules...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", rules, err, want)
		}
	}
	if _, err := New(contract(t, get("/v1/{name=units/*}"), post("/v1/{name=units/*}"), get("/v1/{name=units/*}:a"), get("/v1/{name=units/*}/b"))); err != nil {
		t.Errorf("rules that differ: %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"/v1/{name=units/*}:move", "/{a=**}/b/{c}", "/a:b", "/{", "/}:", "/{a=b{c}}"} {
		f.Add(seed, "/v1/units/a:move")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		template, err := parse(text)
		if err != nil {
			return
		}
		segments, verb, ok := split(path)
		if !ok || len(template.segments) > 6 {
			return
		}
		if bound := template.bind(segments, verb); bound != nil && !overlaps(template.segments, segments) {
			t.Errorf("%q binds %q, which it does not overlap", text, path)
		}
	})
}
