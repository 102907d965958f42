package server_test

import (
	"errors"
	"testing"
	"time"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// Who has left every post neither makes, opens nor closes a round from the day after the
// last one, and a new post gives that back.
func TestWhoLeftEveryPostOpensNoRound(t *testing.T) {
	w := newWorld(t)
	serves := func(last string) {
		t.Helper()
		posts := []*organizationv1.Post{{Unit: w.bureau, Kind: organizationv1.Post_KIND_STAFF, EndDate: last}}
		suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{
			Member: &organizationv1.Member{Name: w.supervisor.Name, Posts: posts},
		}))
		w.CatchUp()
	}
	serves("2026-02-09")
	opened, draft := w.open("first"), w.draft("second", w.another("third"))
	w.SetTime(suitetest.Start.Add(24 * time.Hour))
	as := w.Evaluation(w.supervisor.Key)
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, authz.ErrPostsOver) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := as.CreateRound(t.Context(), w.asked("fourth"))
	refused("making one", err)
	_, err = w.opens(draft)
	refused("opening one", err)
	_, err = as.CloseRound(t.Context(), &evaluationv1.CloseRoundRequest{Name: opened})
	refused("closing one", err)
	serves("")
	suitetest.OK[*evaluationv1.Round](t)(w.opens(draft))
}
