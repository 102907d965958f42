package lifecycle_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
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
	open: {"shut / 停用": shut},
	shut: {"open / 启用": open},
}

var errIllegal = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_ILLEGAL_MOVE)

func TestNext(t *testing.T) {
	if next, ok := life.Next(open, "shut / 停用"); next != shut || !ok {
		t.Errorf("Next(open, shut) = %v, %v", next, ok)
	}
	if next, ok := life.Next(open, "open / 启用"); ok {
		t.Errorf("an illegal move led to %v", next)
	}
}

func TestMove(t *testing.T) {
	before := &organizationv1.Unit{Name: "units/a", Codes: []*organizationv1.Code{{Value: "1"}}, State: open}
	after, err := lifecycle.Move(life, before, "shut / 停用", errIllegal)
	want := &organizationv1.Unit{Name: "units/a", Codes: []*organizationv1.Code{{Value: "1"}}, State: shut}
	if diff := cmp.Diff(want, after, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("Move, %v (-want +got):\n%s", err, diff)
	}
	if after.Codes[0].Value = "2"; before.GetState() != open || before.GetCodes()[0].GetValue() != "1" {
		t.Errorf("what was moved has changed: %v", before)
	}
	after, err = lifecycle.Move(life, before, "open / 启用", errIllegal)
	if !errors.Is(err, errIllegal) || after != nil {
		t.Fatalf("an illegal move = %v, %v", after, err)
	}
	if diff := cmp.Diff(map[string]string{"state": "ACTIVE", "move": "open"}, fault.As(err).Facts); diff != "" {
		t.Errorf("the facts (-want +got):\n%s", diff)
	}
	if got, want := fault.As(err).Chinese(), "活动目前为“在用”，不能执行“启用”操作，请重新读取活动。"; got != want {
		t.Errorf("in Chinese it is %q, want %q", got, want)
	}
	if got, want := err.Error(), `The campaign is ACTIVE, which does not allow "open": read the campaign again.`; got != want {
		t.Errorf("in English it is %q, want %q", got, want)
	}
}
