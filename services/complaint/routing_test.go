package complaint_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
)

// world is a small tree: unit i lies beneath parents[i].
type world struct {
	parents         []int
	then            []int // what the parents were before now, if they were others
	officers, heads []seat
	merged          []int // into the unit above
	past            map[string][]complaint.Tie
	departed        []seat // whose role of an officer is dormant
}

// seat is a role that a person holds on a unit.
type seat struct {
	person string
	unit   int
}

var units = []string{"units/0", "units/1", "units/2", "units/3", "units/4", "units/5", "units/6"}

func unit(i int) string { return units[i] }

func (w world) Path(name string, at time.Time) (path []string) {
	if !at.IsZero() && w.then != nil {
		w.parents = w.then
	}
	i := slices.Index(units[:len(w.parents)], name)
	for ; i >= 0; i = w.parents[i] {
		path = append(path, unit(i))
	}
	return path
}

func (w world) Heir(name string, _ time.Time) string {
	i := slices.Index(units, name)
	for slices.Contains(w.merged, i) {
		i = w.parents[i]
		name = unit(i)
	}
	return name
}

func (w world) Holders(name string, role accessv1.Role) (who []string) {
	seats := w.officers
	if role == accessv1.Role_ROLE_HEAD {
		seats = w.heads
	}
	for _, s := range seats {
		if unit(s.unit) == name {
			who = append(who, s.person)
		}
	}
	return who
}

func (w world) Departed(name string, _ accessv1.Role) []string {
	w.officers = w.departed
	return w.Holders(name, accessv1.Role_ROLE_COMPLAINT_OFFICER)
}

func (w world) Belongs(p, name string) bool {
	return slices.ContainsFunc(w.Tied(p), func(t complaint.Tie) bool {
		return slices.Contains(w.Path(t.Unit, time.Time{}), w.Heir(name, time.Time{}))
	})
}

func (w world) Own(name string) []string { return []string{name} }

func (w world) Heads(name string) []string { return w.Holders(name, accessv1.Role_ROLE_HEAD) }

func (w world) Tied(p string) []complaint.Tie {
	home, _, _ := strings.Cut(p, "/members/")
	ties := append([]complaint.Tie{{Unit: home}}, w.past[p]...)
	for _, held := range []struct {
		seats []seat
		head  bool
	}{{w.officers, false}, {w.heads, true}} {
		for _, s := range held.seats {
			if s.person == p {
				ties = append(ties, complaint.Tie{Unit: unit(s.unit), Head: held.head})
			}
		}
	}
	return ties
}

// trees calls do with every tree of n units in which parents come first.
func trees(n int, do func(parents []int)) {
	parents := make([]int, n)
	parents[0] = -1
	var grow func(i int)
	grow = func(i int) {
		if i == n {
			do(parents)
			return
		}
		for p := range i {
			parents[i] = p
			grow(i + 1)
		}
	}
	grow(1)
}

// TestNoSealedCaseReachesTheAccused walks every tree of up to seven units, every
// accused unit and every choice of units with an officer. Each officer comes
// from the unit it serves; one more officer, at the root, comes from the accused
// unit. In a second pass whoever heads the accused heads its parent too, and in a
// third, of trees of up to six, whoever headed it once does; in a fourth, of up to five,
// they head the unit above that, or the topmost.
func TestNoSealedCaseReachesTheAccused(t *testing.T) {
	n, heard := 0, 0
	for size := 1; size <= 7; size++ {
		passes := []heads{apart, alike, before, over}[:min(4, 9-size)]
		trees(size, func(parents []int) {
			for accused := range size {
				for officers := range 1 << size {
					for _, heads := range passes {
						w := small(parents, accused, officers, heads)
						c := &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_REPORT, Unit: unit(accused)}
						desk, err := complaint.Desk(c, w)
						want := oracle(parents, accused, officers, heads)
						if n++; want >= 0 {
							heard++
						}
						if want < 0 && !errors.Is(err, complaint.ErrNobodyHears) || want >= 0 && desk != unit(want) {
							t.Fatalf("tree %v, accused %d, officers %b, heads %v: desk %q, %v; want %d", parents, accused, officers, heads, desk, err, want)
						}
					}
				}
			}
		})
	}
	t.Logf("%d worlds, %d with a desk", n, heard)
}

// heads says what who heads the unit above the accused has to do with that.
type heads int

const (
	apart  heads = iota
	alike        // heads it too
	before       // did so once
	over         // did so once, and heads the unit above that one
)

func small(parents []int, accused, officers int, heads heads) world {
	w := world{parents: parents}
	for i := range parents {
		if officers>>i&1 == 1 {
			w.officers = append(w.officers, seat{unit(i) + "/members/officer", i})
		}
	}
	w.officers = append(w.officers, seat{unit(accused) + "/members/spy", 0})
	w.heads = []seat{{unit(accused) + "/members/head", accused}}
	above := parents[accused]
	switch {
	case above < 0:
	case heads == alike:
		w.heads = append(w.heads, seat{unit(accused) + "/members/head", above})
	case heads == over && parents[above] < 0:
		return small(parents, accused, officers, before)
	case heads == over:
		const risen = "units/0/members/risen"
		w.heads = append(w.heads, seat{risen, parents[above]})
		w.past = map[string][]complaint.Tie{risen: {{Unit: unit(accused), Head: true}}}
	case heads == before:
		const risen = "units/0/members/risen"
		w.heads = append(w.heads, seat{risen, above})
		w.past = map[string][]complaint.Tie{risen: {{Unit: unit(accused), Head: true}, {Unit: unit(accused)}}}
	}
	return w
}

// oracle climbs from the accused by hand: -1 if nobody may hear it.
func oracle(parents []int, accused, officers int, heads heads) int {
	at := parents[accused]
	if heads != apart && at >= 0 {
		at = parents[at]
	}
	if heads == over && at >= 0 && parents[accused] > 0 {
		at = parents[at]
	}
	for ; at >= 0; at = parents[at] {
		if officers>>at&1 == 1 {
			return at
		}
	}
	return -1
}

func TestOpenCasesGoToTheUnitAndComplaintsAboveIt(t *testing.T) {
	// 0 ← 1 ← 2 ← 3, with officers on 0, 1 and 3.
	w := world{parents: []int{-1, 0, 1, 2}, officers: []seat{{"units/0/members/a", 0}, {"units/1/members/b", 1}, {"units/3/members/c", 3}}}
	for word, n := range complaintv1.Complaint_Type_value {
		for _, about := range []bool{false, true} {
			kind := complaintv1.Complaint_Type(n)
			c := &complaintv1.Complaint{Type: kind, Unit: "units/3", AboutHead: about}
			want := "units/3"
			if about || kind == complaintv1.Complaint_TYPE_COMPLAINT || kind == complaintv1.Complaint_TYPE_REPORT {
				want = "units/1"
			}
			if desk, err := complaint.Desk(c, w); n != 0 && (err != nil || desk != want) {
				t.Errorf("%s about the head %v: %s, %v; want %s", word, about, desk, err, want)
			}
		}
	}
	root := &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_COMPLAINT, Unit: "units/0"}
	if _, err := complaint.Desk(root, w); !errors.Is(err, complaint.ErrNobodyHears) {
		t.Errorf("a complaint about the root = %v, want ErrNobodyHears", err)
	}
	unknown := &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_HELP, Unit: "units/9"}
	if _, err := complaint.Desk(unknown, w); !errors.Is(err, complaint.ErrUnitUnknown) {
		t.Errorf("a unit that is not there = %v, want ErrUnitUnknown", err)
	}
}

// An enquiry, in every tree of up to five units and with every choice of units where somebody
// works, goes to the unit that it is about or the nearest above where somebody does, and is
// refused if nobody works there either. Where nobody is left at a desk it is inherited so too.
func TestAnOpenCaseGoesWhereSomebodyWorks(t *testing.T) {
	for size := 1; size <= 5; size++ {
		trees(size, func(parents []int) {
			for about := range size {
				for officers := range 1 << size {
					w, want := world{parents: parents}, ""
					for i := range parents {
						if officers>>i&1 == 1 {
							w.officers = append(w.officers, seat{unit(i) + "/members/a", i})
						}
					}
					for at := about; at >= 0 && want == ""; at = parents[at] {
						if officers>>at&1 == 1 {
							want = unit(at)
						}
					}
					c := &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_ENQUIRY, Unit: unit(about), Desk: unit(about), State: complaintv1.Complaint_STATE_RECEIVED}
					if desk, err := complaint.Desk(c, w); desk != want || (want == "") != errors.Is(err, complaint.ErrNobodyHears) {
						t.Fatalf("tree %v, about %d, works %b: desk %q, %v; want %q", parents, about, officers, desk, err, want)
					}
					if want == c.GetDesk() {
						want = ""
					}
					if heir := complaint.Heir(w, c); heir != want {
						t.Fatalf("tree %v, about %d, works %b: inherited by %q, want %q", parents, about, officers, heir, want)
					}
				}
			}
		})
	}
}

// Who belongs to the unit concerned hears nothing of it where another does, and makes no desk:
// 0 ← 1 ← 2, about units/2.
func TestWhoBelongsToTheUnitMakesNoDesk(t *testing.T) {
	const theirs, a, above = "units/2/members/theirs", "units/1/members/a", "units/0/members/above"
	for name, x := range map[string]struct {
		officers []seat
		kind     complaintv1.Complaint_Type
		desk     string
	}{
		"a complaint, and one beside them":   {[]seat{{theirs, 1}, {a, 1}}, complaintv1.Complaint_TYPE_COMPLAINT, "units/1"},
		"a complaint, and one above":         {[]seat{{theirs, 1}, {above, 0}}, complaintv1.Complaint_TYPE_COMPLAINT, "units/0"},
		"a complaint, and nobody else":       {[]seat{{theirs, 1}}, complaintv1.Complaint_TYPE_COMPLAINT, ""},
		"an enquiry, and one above":          {[]seat{{theirs, 1}, {above, 0}}, complaintv1.Complaint_TYPE_ENQUIRY, "units/0"},
		"an enquiry, and nobody else":        {[]seat{{theirs, 1}}, complaintv1.Complaint_TYPE_ENQUIRY, ""},
		"an enquiry, and they work there":    {[]seat{{theirs, 2}}, complaintv1.Complaint_TYPE_ENQUIRY, "units/2"},
		"a complaint, and they work there":   {[]seat{{theirs, 2}}, complaintv1.Complaint_TYPE_COMPLAINT, ""},
		"a suggestion, and they work nearby": {[]seat{{theirs, 1}, {a, 1}}, complaintv1.Complaint_TYPE_SUGGESTION, "units/1"},
	} {
		w := world{parents: []int{-1, 0, 1}, officers: x.officers}
		desk, err := complaint.Desk(&complaintv1.Complaint{Type: x.kind, Unit: "units/2"}, w)
		if desk != x.desk || (x.desk == "") != errors.Is(err, complaint.ErrNobodyHears) {
			t.Errorf("%s: the desk is %q, %v; want %q", name, desk, err, x.desk)
		}
	}
}

// TestTheHeirOfTheAccusedHasAPart: 0 ← 1 ← 2 ← 3; units/3 is accused, and was merged
// into units/2. All officers sit at units/0.
func TestTheHeirOfTheAccusedHasAPart(t *testing.T) {
	who := []string{"units/0/members/a", "units/1/members/b", "units/2/members/heir", "units/3/members/accused"}
	w := world{parents: []int{-1, 0, 1, 2}}
	for _, officer := range who {
		w.officers = append(w.officers, seat{officer, 0})
	}
	c := &complaintv1.Complaint{Type: report, Desk: "units/0", Unit: "units/3"}
	for merged, want := range map[bool][]string{false: who[:3], true: who[:2]} {
		if w.merged = nil; merged {
			w.merged = []int{3}
		}
		hear := slices.DeleteFunc(slices.Clone(who), func(person string) bool { return !complaint.Hears(w, c, person) })
		if !slices.Equal(hear, want) {
			t.Errorf("merged %v: %v hear it, want %v", merged, hear, want)
		}
	}
}

// An officer's desk that was merged into the accused's heir is passed over, and so
// is one that is led by who leads the heir.
func TestACaseIsNotInheritedByTheHeirOfTheAccused(t *testing.T) {
	const gone, heir, a, above = "units/2/members/gone", "units/2/members/heir", "units/1/members/a", "units/0/members/above"
	c := vacated(gone)
	c.Unit, c.Desk = "units/3", "units/2"
	w := world{parents: []int{-1, 0, 1, 2}, merged: []int{3}, officers: []seat{{heir, 2}, {a, 1}, {above, 0}}}
	if desk := complaint.Heir(w, c); desk != "units/1" {
		t.Errorf("above the heir it is inherited by %q", desk)
	}
	w.heads = []seat{{"units/0/members/h", 1}, {"units/0/members/h", 2}}
	if desk := complaint.Heir(w, c); desk != "units/0" {
		t.Errorf("where one leads the heir and the bureau, it is inherited by %q", desk)
	}
}

// Who belonged to the accused without heading it does not keep a case from the unit
// that they head now.
func TestWhoServedUnderTheAccusedLeadsADesk(t *testing.T) {
	const chief, a = "units/0/members/chief", "units/0/members/a"
	w := world{
		parents: []int{-1, 0}, officers: []seat{{a, 0}}, heads: []seat{{chief, 0}},
		past: map[string][]complaint.Tie{chief: {{Unit: "units/1"}}},
	}
	if desk, err := complaint.Desk(&complaintv1.Complaint{Type: report, Unit: "units/1"}, w); desk != "units/0" || err != nil {
		t.Errorf("the desk is %q, %v", desk, err)
	}
}

func TestWhoIsShownASealedCase(t *testing.T) {
	w := world{
		parents:  []int{-1, 0, 1},
		officers: []seat{{"units/0/members/a", 0}, {"units/2/members/spy", 0}, {"units/1/members/b", 1}},
	}
	c := &complaintv1.Complaint{Desk: "units/0", Unit: "units/1"}
	for who, want := range map[string]bool{
		"units/0/members/a": true, "units/2/members/spy": false, "units/1/members/b": false, "units/0/members/x": false, "": false,
	} {
		if got := complaint.Hears(w, c, who); got != want {
			t.Errorf("Hears(%q) = %v, want %v", who, got, want)
		}
	}
	if !complaint.Knows(c, "anyone") {
		t.Error("before it is accepted the case is not open to the desk")
	}
	c.Responsible, c.Assignee = "p", "q"
	if got := strings.Join(slices.DeleteFunc([]string{"p", "q", "r", ""}, func(w string) bool { return !complaint.Knows(c, w) }), ""); got != "pq" {
		t.Errorf("once accepted it is open to %q, want p and q", got)
	}
}

// A unit that is entered between the accused and a bureau led by who once led the
// accused is no desk, 0 ← 1 ← 2 ← 3; nor is, for a case about what was
// merged, a unit led by who led that.
func TestAPuppetIsNoDesk(t *testing.T) {
	const risen, puppet, city = "units/1/members/risen", "units/2/members/puppet", "units/0/members/city"
	w := world{
		parents: []int{-1, 0, 1, 2}, officers: []seat{{puppet, 2}, {city, 0}}, heads: []seat{{puppet, 2}, {risen, 1}},
		past: map[string][]complaint.Tie{risen: {{Unit: "units/3", Head: true}}},
	}
	c := &complaintv1.Complaint{Type: report, Unit: "units/3"}
	if desk, err := complaint.Desk(c, w); desk != "units/0" || err != nil {
		t.Errorf("the desk is %q, %v", desk, err)
	}
	c = vacated("units/1/members/gone")
	c.Unit, c.Desk, w.parents, w.merged = "units/3", "units/1", []int{-1, 0, 1, 4, 1}, []int{3}
	w.officers = append(w.officers, seat{"units/1/members/a", 1})
	if desk := complaint.Heir(w, c); desk != "units/0" {
		t.Errorf("it is inherited by %q", desk)
	}
}
