package complaint_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
)

// lately is a world in which units were merged only since a case came in.
type lately struct{ world }

func (w lately) Heir(name string, at time.Time) string {
	if !at.IsZero() {
		return name
	}
	return w.world.Heir(name, at)
}

func (w lately) aloof() complaint.Aloof {
	return complaint.Aloof{Bench: w, Units: func() []string { return units[:len(w.parents)] }}
}

// lostAt is a case at a desk of which nobody can say any more whom it is about.
func lostAt(desk, by string) *complaintv1.Complaint {
	return &complaintv1.Complaint{
		Type: report, State: complaintv1.Complaint_STATE_RECEIVED, Sealed: true, Desk: desk, Responsible: by, CreateTime: timestamppb.New(now),
	}
}

// TestNobodyALostCaseMayBeAboutKeepsIt: whatever the tree, and whichever unit beneath its desk
// it was about, who has a part in it is not among those who know of it.
func TestNobodyALostCaseMayBeAboutKeepsIt(t *testing.T) {
	dice, aloof, involved := rand.New(rand.NewPCG(7, 7)), 0, 0
	tree := func(n int) []int {
		parents := []int{-1}
		for i := 1; i < n; i++ {
			parents = append(parents, dice.IntN(i))
		}
		return parents
	}
	for range 20_000 {
		n := 3 + dice.IntN(4)
		w := lately{world{parents: tree(n), then: tree(n)}}
		for range dice.IntN(2) {
			w.merged = append(w.merged, 1+dice.IntN(n-1))
		}
		who, tied := unit(dice.IntN(n))+"/members/p", unit(dice.IntN(n))
		w.past = map[string][]complaint.Tie{who: {{Unit: tied, Head: dice.IntN(2) == 0}}}
		for i := range n {
			path := w.Path(unit(i), now)
			for _, desk := range path[1:] {
				c := lostAt(desk, "")
				from := w.aloof().From(c, who)
				c.Unit = unit(i)
				part := complaint.Involved(w, c, who)
				if from && part {
					t.Fatalf("%s, of %s too, has a part in a case about %s at %s, and may know of it: %+v", who, tied, c.GetUnit(), desk, w)
				}
				if from {
					aloof++
				}
				if part {
					involved++
				}
			}
		}
	}
	if aloof < 1000 || involved < 1000 {
		t.Errorf("%d were aloof and %d had a part in it", aloof, involved)
	}
}

// TestWhoKeepsALostCase: 0 ← 1 ← 2 ← 3, 1 ← 4; units/2 hears it.
func TestWhoKeepsALostCase(t *testing.T) {
	const a, came, above, top = "units/2/members/a", "units/3/members/came", "units/1/members/above", "units/0/members/top"
	for _, x := range []struct {
		name            string
		officers, heads []seat
		merged          []int
		by, want        string
	}{
		{"an aloof officer at its desk", []seat{{a, 2}, {above, 1}}, nil, nil, "", "units/2"},
		{"one at its desk from beneath it", []seat{{came, 2}, {above, 1}}, nil, nil, "", "units/1"},
		{"one at its desk who has a role elsewhere", []seat{{a, 2}, {a, 4}, {above, 1}}, nil, nil, "", "units/1"},
		{"the desk above is led from elsewhere", []seat{{above, 1}, {top, 0}}, []seat{{above, 1}, {above, 4}}, nil, "", "units/0"},
		{"the desk above is led by its own", []seat{{above, 1}, {top, 0}}, []seat{{top, 1}}, nil, "", "units/1"},
		{"units beneath were merged into the desk", []seat{{a, 2}, {above, 1}}, nil, []int{3}, "", "units/1"},
		{"the desk was merged into the one above", []seat{{above, 1}, {top, 0}}, nil, []int{2}, "", "units/0"},
		{"who accepted it is there", []seat{{a, 2}, {above, 1}}, nil, nil, a, ""},
		{"who accepted it is not", []seat{{a, 2}, {above, 1}}, nil, nil, "units/2/members/b", "units/2"},
		{"nobody", nil, nil, nil, "", ""},
	} {
		w := lately{world{parents: []int{-1, 0, 1, 2, 1}, officers: x.officers, heads: x.heads, merged: x.merged}}
		if got := w.aloof().Keeper(lostAt("units/2", x.by)); got != x.want {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
	if c, err := complaint.Forsake(lostAt("units/2", ""), a, now); err != nil || c.GetClosedBy() != a || !c.GetCloseTime().AsTime().Equal(now) || !slices.Equal(c.GetDigests().GetContent(), nil) {
		t.Errorf("closed: %v, %v", c, err)
	}
}
