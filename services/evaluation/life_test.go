package evaluation_test

import (
	"errors"
	"testing"
	"time"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

func TestTheReadmeShowsTheLife(t *testing.T) {
	lifecycletest.Drawn(t, "README.md", lifecycletest.Of(evaluation.Life))
}

// TestEveryMove tries every move from every state.
func TestEveryMove(t *testing.T) {
	during, after := day("2026-03-02"), day("2026-04-01")
	moves := map[evaluation.Move]func(*evaluationv1.Round) (*evaluationv1.Round, error){
		evaluation.Opening: func(r *evaluationv1.Round) (*evaluationv1.Round, error) {
			return evaluation.Open(r, calendar.Date{}, "units/o/members/s", during)
		},
		evaluation.Issuing: func(r *evaluationv1.Round) (*evaluationv1.Round, error) {
			return evaluation.Issue(r, evaluation.Codes{By: issuer, Group: "served", Count: 3}, during)
		},
		evaluation.Closing: func(r *evaluationv1.Round) (*evaluationv1.Round, error) {
			return evaluation.Close(r, []int32{0, 0, 0}, "", after)
		},
		evaluation.Tallying: func(r *evaluationv1.Round) (*evaluationv1.Round, error) {
			r, _, err := evaluation.Tally(r, evaluation.NewCount(r), evaluation.Beside{}, after)
			return r, err
		},
		evaluation.Publishing: func(r *evaluationv1.Round) (*evaluationv1.Round, error) {
			r, _, err := evaluation.Publish(r, nil, "units/o/members/h", after)
			return r, err
		},
		evaluation.Voiding: func(r *evaluationv1.Round) (*evaluationv1.Round, error) {
			return evaluation.Void(r, "units/o/members/l")
		},
	}
	for state := range evaluationv1.Round_State_name {
		for move, make := range moves {
			r := round(t, "conduct", 1)
			r.State = evaluationv1.Round_State(state)
			got, err := make(r)
			want, legal := evaluation.Life.Next(r.State, move)
			switch {
			case !legal && !errors.Is(err, evaluation.ErrIllegalMove):
				t.Errorf("%s from %s = %v, want ErrIllegalMove", move, r.State, err)
			case legal && (err != nil || got.GetState() != want):
				t.Errorf("%s from %s = %s, %v; want %s", move, r.State, got.GetState(), err, want)
			case r.State != evaluationv1.Round_State(state):
				t.Errorf("%s changed its argument", move)
			}
		}
	}
	lifecycletest.Tried(t, evaluation.Life, moves)
}

const issuer = "units/o/members/i"

// Who issued codes could have cast them all: they stand in the round once, close it after
// its last day alone, and never tally it.
func TestWhoIssuedNeitherClosesEarlyNorTallies(t *testing.T) {
	r := round(t, "conduct", 1)
	r.State = evaluationv1.Round_STATE_OPEN
	during, after := day("2026-03-02"), day("2026-04-01")
	for range 2 {
		var err error
		if r, err = evaluation.Issue(r, evaluation.Codes{By: issuer, Group: "served", Count: 1}, during); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.GetIssuers(); len(got) != 1 || got[0] != issuer {
		t.Errorf("issued by %v", got)
	}
	for _, cast := range []int32{1, 2} { // the refusal does not tell whether all are spent
		if _, err := evaluation.Close(r, []int32{cast, 0, 0}, issuer, during); !errors.Is(err, evaluation.ErrIssuerCounts) {
			t.Errorf("who issued closes early with %d of 2 spent: %v", cast, err)
		}
	}
	if _, err := evaluation.Close(r, []int32{2, 0, 0}, "units/o/members/s", during); err != nil {
		t.Errorf("another closes early: %v", err)
	}
	closed, err := evaluation.Close(r, []int32{0, 0, 0}, issuer, after)
	if err != nil {
		t.Fatalf("who issued closes after the last day: %v", err)
	}
	if _, _, err := evaluation.Tally(closed, evaluation.NewCount(closed), evaluation.Beside{By: issuer}, after); !errors.Is(err, evaluation.ErrIssuerCounts) {
		t.Errorf("who issued tallies: %v", err)
	}
	if _, _, err := evaluation.Tally(closed, evaluation.NewCount(closed), evaluation.Beside{By: "units/o/members/l"}, after); err != nil {
		t.Errorf("another tallies: %v", err)
	}
}

func TestClosingEarlyTakesThatNoCodeIsLeft(t *testing.T) {
	r := round(t, "conduct", 1)
	r.State = evaluationv1.Round_STATE_OPEN
	during := day("2026-03-02")
	if _, err := evaluation.Close(r, []int32{0, 0, 0}, "", during); !errors.Is(err, evaluation.ErrWindowRunning) {
		t.Errorf("closing before anything was issued = %v", err)
	}
	r.Groups[0].Issued = 2
	if _, err := evaluation.Close(r, []int32{1, 0, 0}, "", during); !errors.Is(err, evaluation.ErrWindowRunning) {
		t.Errorf("closing with a code left = %v", err)
	}
	if closed, err := evaluation.Close(r, []int32{2, 0, 0}, "", during); err != nil || closed.GetGroups()[0].GetCast() != 2 {
		t.Errorf("closing with all spent = %v, %v", closed, err)
	}
	if _, err := evaluation.Close(r, []int32{0, 0, 0}, "", day("2026-03-31").Add(24*time.Hour-time.Nanosecond)); !errors.Is(err, evaluation.ErrWindowRunning) {
		t.Errorf("closing at the last moment = %v", err)
	}
}
