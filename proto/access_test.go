package proto_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var update = flag.Bool("update", false, "write access.txt anew")

// Who may call what stands in one list beside the contract: whoever changes a rule changes
// a line of it, which those who review see. The matrix holds the services to the rules, and
// cannot tell a rule that was loosened from one that was meant.
func TestWhoMayCallWhatIsListed(t *testing.T) {
	var lines []string
	for _, m := range methods() {
		lines = append(lines, fmt.Sprintf("%s: %s\n", strings.TrimPrefix(string(m.FullName()), "duban."), said(rule(m).ProtoReflect())))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "")
	if *update {
		if err := os.WriteFile("access.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("access.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("access.txt is not what the rules say; if that is meant, run with -update (-listed +said):\n%s", diff)
	}
}

// said is a rule in one line, in the order of its fields.
func said(rule protoreflect.Message) string {
	var parts []string
	fields := rule.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !rule.Has(f) {
			continue
		}
		switch v := rule.Get(f); {
		case f.Kind() == protoreflect.BoolKind:
			parts = append(parts, string(f.Name()))
		case f.IsList():
			var list []string
			for j := range v.List().Len() {
				list = append(list, word(f, v.List().Get(j)))
			}
			parts = append(parts, fmt.Sprintf("%s=%s", f.Name(), strings.Join(list, ",")))
		default:
			parts = append(parts, fmt.Sprintf("%s=%s", f.Name(), word(f, v)))
		}
	}
	return strings.Join(parts, " ")
}

// word is a value without the prefix of its enum.
func word(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if f.Enum() == nil {
		return v.String()
	}
	_, name, _ := strings.Cut(string(f.Enum().Values().ByNumber(v.Enum()).Name()), "_")
	return name
}
