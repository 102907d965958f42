package lifecycletest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

type move string

const (
	open = organizationv1.Unit_STATE_ACTIVE
	shut = organizationv1.Unit_STATE_ARCHIVED
)

var life = lifecycle.Table[organizationv1.Unit_State, move]{
	open: {"shut / 停用": shut},
	shut: {"open / 启用": open},
}

func TestWordless(t *testing.T) {
	if got := wordless(life); len(got) != 0 {
		t.Errorf("without Chinese names are %v", got)
	}
	mute := lifecycle.Table[organizationv1.Unit_State, move]{open: {"shut": organizationv1.Unit_STATE_UNSPECIFIED}}
	if diff := cmp.Diff([]string{"shut", "UNSPECIFIED"}, wordless(mute)); diff != "" {
		t.Errorf("without Chinese names (-want +got):\n%s", diff)
	}
}

func TestMermaid(t *testing.T) {
	want := "stateDiagram-v2\n    ACTIVE --> ARCHIVED: shut\n    ARCHIVED --> ACTIVE: open\n"
	if got := mermaid(life); got != want {
		t.Errorf("mermaid = %q, want %q", got, want)
	}
}
