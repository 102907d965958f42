package worklist_test

import (
	"path/filepath"
	"slices"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/rectification"
)

// decisions are the moves that await a decision, and the actions that ask for them.
var decisions = map[rectification.ProblemMove]aggregationv1.WorkItem_Action{
	rectification.Verifying: aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM,
	rectification.Closing:   aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM,
	rectification.Granting:  aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION,
}

// deciders are who makes the move on p by the rules; none of the unit is free, if they say so.
func deciders(p *rectificationv1.Problem, m rectification.ProblemMove, topmost bool) []rectification.Right {
	switch m {
	case rectification.Verifying:
		return rectification.Verifiers(p.GetSource(), topmost)
	case rectification.Closing:
		free := map[bool][]string{false: {"free"}}
		return rectification.Closers(p, free[p.GetCloseAbove()], topmost)
	default:
		if p.GetFoundBy() != "" {
			return []rectification.Right{rectification.Superiors()}
		}
		return []rectification.Right{{Scope: accessv1.Scope_SCOPE_SUPERIOR, Roles: authz.Roles(rectificationv1.RectificationService_ApproveExtension_FullMethodName)}}
	}
}

// In every state, of every source, whoever of the unit is free: what awaits a decision is asked
// of those whom the rules let decide, of none else, and of those above once none of the unit can.
func TestWhoIsAskedForADecisionIsLetThrough(t *testing.T) {
	asked := 0
	for _, p := range problems() {
		items := worklist.Of(p)
		for move, action := range decisions {
			_, legal := rectification.ProblemLife.Next(p.GetState(), move)
			if move == rectification.Granting {
				legal = legal && len(p.GetExtensions()) > 0
			}
			i := slices.IndexFunc(items, func(item *worklist.Item) bool { return item.GetAction() == action })
			if legal != (i >= 0) {
				t.Errorf("%v can be done: %v, and is asked for: %v, of %v", move, legal, i >= 0, p)
			}
			if i < 0 {
				continue
			}
			asked++
			if by := right(p, items[i]); !slices.ContainsFunc(deciders(p, move, false), func(r rectification.Right) bool { return alike(r, by) }) {
				t.Errorf("%v is asked of %v, and done by %v: %v", move, by, deciders(p, move, false), p)
			} else if above := p.GetVerifyAbove() && move == rectification.Verifying || p.GetCloseAbove() && move == rectification.Closing; above && by.Scope != accessv1.Scope_SCOPE_SUPERIOR {
				t.Errorf("%v is asked of %v, of whom none is free: %v", move, by, p)
			}
		}
	}
	if asked == 0 {
		t.Error("nothing was asked for")
	}
}

// problems are one in every state of every source, with and without a wish for another
// deadline, and of those that the unit found itself with and without somebody free.
func problems() (all []*rectificationv1.Problem) {
	for state := range rectificationv1.Problem_State_name {
		for source := range rectificationv1.Problem_Source_name {
			for n := range 16 {
				p := &rectificationv1.Problem{
					Name: "ledgers/l/problems/0001", Unit: "units/u", State: rectificationv1.Problem_State(state), Source: rectificationv1.Problem_Source(source),
				}
				if own := source == int32(rectificationv1.Problem_SOURCE_SELF_CHECK) || source == int32(rectificationv1.Problem_SOURCE_OUTREACH); own {
					p.VerifyAbove = n&1 > 0 && p.GetState() == rectificationv1.Problem_STATE_SUBMITTED
					p.CloseAbove = n&2 > 0 && p.GetState() == rectificationv1.Problem_STATE_VERIFIED
				}
				if n&4 > 0 && p.GetState() != rectificationv1.Problem_STATE_IDENTIFIED { // where nobody asks for one yet
					p.Extensions = []*rectificationv1.Extension{{State: rectificationv1.Extension_STATE_ASKED}}
				}
				if n&8 > 0 {
					p.FoundBy = "units/d"
				}
				all = append(all, p)
			}
		}
	}
	return all
}

// right is by what right those act whom the item asks.
func right(p *rectificationv1.Problem, item *worklist.Item) rectification.Right {
	if item.GetUnit() == p.GetUnit() {
		return rectification.Right{Scope: accessv1.Scope_SCOPE_OWN, Roles: item.GetRoles()}
	}
	return rectification.Right{Scope: accessv1.Scope_SCOPE_SUPERIOR, Roles: item.GetRoles()}
}

func alike(a, b rectification.Right) bool {
	return a.Scope == b.Scope && slices.Equal(slices.Sorted(slices.Values(a.Roles)), slices.Sorted(slices.Values(b.Roles)))
}

// Whoever found them, the topmost unit's problems are verified and closed by those whom the
// rules let do that there, and its leaders are all asked.
func TestTheTopmostUnitsLeadersAreAsked(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "lists.db"), bolt.Options{MapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	alone := func(unit string) ([]string, error) { return []string{unit}, nil }
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		for _, p := range problems() {
			items := worklist.Of(p)
			if err := worklist.New(tx, alone, "").Record(p.GetName(), items, "2026-03-01"); err != nil {
				return err
			}
			for _, item := range items {
				for _, move := range []rectification.ProblemMove{rectification.Verifying, rectification.Closing} {
					want := deciders(p, move, true)[0]
					if decisions[move] == item.GetAction() && (item.GetUnit() != p.GetUnit() || !alike(right(p, item), want)) {
						t.Errorf("%v is asked of %v, and done by %v: %v", move, item, want, p)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
