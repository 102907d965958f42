package strict

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/route"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

func table(t testing.TB) *route.Table {
	t.Helper()
	all, err := route.New(organizationv1.File_duban_organization_v1_organization_proto.Services().Get(0))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// BenchmarkBody reads the largest bodies there are: one long string, and the
// shapes that cost most for their bytes.
func BenchmarkBody(b *testing.B) {
	const size = 4 << 20
	for name, c := range map[string]struct{ path, head, item, tail string }{
		"string":  {"/v1/units:import", `{"csv":"`, "甲", `"}`},
		"enums":   {"/v1/apiKeys", `{"roles":[1`, ",1", `]}`},
		"objects": {"/v1/units", `{"codes":[{}`, ",{}", `]}`},
		"unknown": {"/v1/units", `{"a":1`, `,"a":1`, `}`},
		"small":   {"/v1/units", `{"displayName":"实验小学","kind":"KIND_SCHOOL","parent":"units/a","codes":[{"scheme":"school","value":"1"}]`, "", `}`},
	} {
		n := 0
		if c.item != "" {
			n = (size - len(c.head) - len(c.tail)) / len(c.item)
		}
		body := []byte(c.head + strings.Repeat(c.item, n) + c.tail)
		m := table(b).Find("POST", c.path)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				_, _ = Body(m, body, 64) // the cost of a refusal counts as well
			}
		})
	}
}

func TestMaskLeavesOutWhatNoClientWrites(t *testing.T) {
	m := table(t).Find("PATCH", "/v1/units/a")
	var names []protoreflect.Name
	set, err := Body(m, []byte(`{"name":"units/a","etag":"1","state":"STATE_ACTIVE","createTime":null,"rank":1}`), 64)
	if err == nil || set != nil {
		t.Errorf("an unknown field passes: %v", set)
	}
	set, err = Body(m, []byte(`{"name":"units/a","etag":"1","state":"STATE_ACTIVE","createTime":null,"labels":{}}`), 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range set {
		if writable(f) {
			names = append(names, f.Name())
		}
	}
	if len(names) != 1 || names[0] != "labels" {
		t.Errorf("writable are %q", names)
	}
}
