package lifecycle_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

type move string

const (
	open = organizationv1.Unit_STATE_ACTIVE
	shut = organizationv1.Unit_STATE_ARCHIVED
)

var life = lifecycle.Table[organizationv1.Unit_State, move]{
	open: {"shut": shut},
	shut: {"open": open},
}

var errIllegal = fault.Of(organizationv1.Reason_REASON_UNIT_ARCHIVED)

func TestNext(t *testing.T) {
	if next, ok := life.Next(open, "shut"); next != shut || !ok {
		t.Errorf("Next(open, shut) = %v, %v", next, ok)
	}
	if next, ok := life.Next(open, "open"); ok {
		t.Errorf("an illegal move led to %v", next)
	}
}

func TestMove(t *testing.T) {
	before := &organizationv1.Unit{Name: "units/a", Codes: []*organizationv1.Code{{Value: "1"}}, State: open}
	after, err := lifecycle.Move(life, before, "shut", errIllegal)
	want := &organizationv1.Unit{Name: "units/a", Codes: []*organizationv1.Code{{Value: "1"}}, State: shut}
	if diff := cmp.Diff(want, after, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("Move, %v (-want +got):\n%s", err, diff)
	}
	if after.Codes[0].Value = "2"; before.GetState() != open || before.GetCodes()[0].GetValue() != "1" {
		t.Errorf("what was moved has changed: %v", before)
	}
	after, err = lifecycle.Move(life, before, "open", errIllegal)
	if !errors.Is(err, errIllegal) || after != nil {
		t.Fatalf("an illegal move = %v, %v", after, err)
	}
	if diff := cmp.Diff(map[string]string{"state": "ACTIVE", "move": "open"}, fault.As(err).Facts); diff != "" {
		t.Errorf("the facts (-want +got):\n%s", diff)
	}
}

func TestMermaid(t *testing.T) {
	want := "stateDiagram-v2\n    ACTIVE --> ARCHIVED: shut\n    ARCHIVED --> ACTIVE: open\n"
	if got := life.Mermaid(); got != want {
		t.Errorf("Mermaid = %q, want %q", got, want)
	}
}
