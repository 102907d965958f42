package complaint_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
)

// vacated is a case about units/2, accepted at units/1 by somebody.
func vacated(by string) *complaintv1.Complaint {
	return &complaintv1.Complaint{
		Type: report, State: complaintv1.Complaint_STATE_INVESTIGATING, Sealed: true, Unit: "units/2", Desk: "units/1", Responsible: by,
	}
}

// TestWhoInheritsACase: 0 ← 1 ← 2 ← 3; units/2 is accused, units/1 hears it.
func TestWhoInheritsACase(t *testing.T) {
	const gone, a, above, spy, under = "units/1/members/gone", "units/1/members/a", "units/0/members/above", "units/2/members/spy", "units/3/members/under"
	for _, x := range []struct {
		name     string
		officers []seat
		heads    []seat
		by, who  string
		desk     string // "": nobody takes it over so
	}{
		{"who is responsible is there", []seat{{gone, 1}, {a, 1}}, nil, gone, a, ""},
		{"a colleague", []seat{{a, 1}}, nil, gone, a, "units/1"},
		{"from above, while a colleague is left", []seat{{a, 1}, {above, 0}}, nil, gone, above, ""},
		{"from above, when nobody is left", []seat{{above, 0}}, nil, gone, above, "units/0"},
		{"from above, when those left come from the accused", []seat{{spy, 1}, {under, 1}, {above, 0}}, nil, gone, above, "units/0"},
		{"the accused", []seat{{spy, 1}, {above, 0}}, nil, gone, spy, ""},
		{"a subordinate of the accused", []seat{{under, 1}, {above, 0}}, nil, gone, under, ""},
		{"the accused, from above", []seat{{spy, 0}, {above, 0}}, nil, gone, spy, ""},
		{"who is responsible came to have a part in it", []seat{{gone, 1}, {gone, 3}, {a, 1}}, nil, gone, a, ""},
		{"who is responsible came to have a part in it, and the role was ended", []seat{{gone, 3}, {a, 1}}, nil, gone, a, "units/1"},
		{"the same, and not above", []seat{{gone, 3}, {a, 1}, {above, 0}}, nil, gone, a, ""},
		{"who is responsible came to have a part in it, and not above", []seat{{gone, 1}, {gone, 3}, {a, 1}, {above, 0}}, nil, gone, a, ""},
		{"above, when who is responsible came to have a part in it", []seat{{gone, 1}, {gone, 3}, {a, 1}, {above, 0}}, nil, gone, above, "units/0"},
		{"the desk is led by who leads the accused", []seat{{a, 1}, {above, 0}}, []seat{{"units/0/members/h", 1}, {"units/0/members/h", 2}}, gone, a, ""},
		{"above a desk that is led by who leads the accused", []seat{{a, 1}, {above, 0}}, []seat{{"units/0/members/h", 1}, {"units/0/members/h", 2}}, gone, above, "units/0"},
		{"without a role", nil, nil, gone, a, ""},
	} {
		w := world{parents: []int{-1, 0, 1, 2}, officers: x.officers, heads: x.heads}
		c, err := complaint.TakeOver(vacated(x.by), x.who, w)
		if c.GetDesk() != x.desk || (err == nil) != (x.desk != "") {
			t.Errorf("%s: at %q, %v; want %q", x.name, c.GetDesk(), err, x.desk)
		}
		if err == nil && (c.GetResponsible() != x.who || complaint.Involved(w, c, x.who)) {
			t.Errorf("%s: %v is responsible", x.name, c.GetResponsible())
		}
	}
}

// TestWhatWasOverAndIsEnteredLateTakesNoCase: 0 ← 1 ← 2; units/2 is accused. A post
// there that was over when it was entered takes the case from who is responsible, and
// from whom it was assigned to, only if it had been entered before it was accepted.
// From everyone else it keeps the case.
func TestWhatWasOverAndIsEnteredLateTakesNoCase(t *testing.T) {
	const by, b = "units/1/members/by", "units/1/members/b"
	accepted := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		name    string
		entered time.Time
		who     string
		hears   bool
	}{
		{"who is responsible, held before", accepted.Add(-1), by, false},
		{"who is responsible, entered late", accepted, by, true},
		{"who is responsible, held since", time.Time{}, by, false},
		{"the assignee, entered late", accepted.Add(1), b, true},
		{"the assignee, held since", time.Time{}, b, false},
		{"a colleague, entered late", accepted.Add(1), "units/1/members/c", false},
	} {
		w := world{parents: []int{-1, 0, 1}, officers: []seat{{x.who, 1}}, past: map[string][]complaint.Tie{
			x.who: {{Unit: "units/2", Entered: x.entered}},
		}}
		c := vacated(by)
		c.Assignee, c.AcceptTime = b, timestamppb.New(accepted)
		if got := complaint.Hears(w, c, x.who); got != x.hears {
			t.Errorf("%s: hears it %v", x.name, got)
		}
	}
}

// TestACaseThatNobodyAcceptedIsNotLost: 0 ← 1 ← 2 ← 3; units/3 is accused. Its
// desk, units/2, was merged into units/1, or has nobody who may hear it.
func TestACaseThatNobodyAcceptedIsNotLost(t *testing.T) {
	const a, b = "units/1/members/a", "units/2/members/b"
	received := vacated("")
	received.State, received.Unit, received.Desk = complaintv1.Complaint_STATE_RECEIVED, "units/3", "units/2"
	for _, x := range []struct {
		name     string
		officers []seat
		merged   []int
		desk     string
	}{
		{"an officer at the desk", []seat{{b, 2}, {a, 2}, {a, 1}}, nil, ""},
		{"nobody at the desk", []seat{{a, 1}}, nil, "units/1"},
		{"the accused alone at the desk", []seat{{"units/3/members/spy", 2}, {a, 1}}, nil, "units/1"},
		{"a desk that was merged", []seat{{a, 1}}, []int{2}, "units/1"},
	} {
		c, err := complaint.TakeOver(received, a, world{parents: []int{-1, 0, 1, 2}, officers: x.officers, merged: x.merged})
		if c.GetDesk() != x.desk || (err == nil) != (x.desk != "") || c.GetResponsible() != "" {
			t.Errorf("%s: at %q, %v; want %q and nobody responsible", x.name, c.GetDesk(), err, x.desk)
		}
	}
}

// TestAnOpenCaseIsTakenOverAtItsDesk, once who accepted it works there no more, and
// nowhere else.
func TestAnOpenCaseIsTakenOverAtItsDesk(t *testing.T) {
	const gone = "units/1/members/gone"
	for name, x := range map[string]struct {
		officers []seat
		by, desk string
	}{
		"who accepted it works there":    {[]seat{{gone, 1}}, gone, ""},
		"who accepted it works above":    {[]seat{{gone, 0}}, gone, "units/1"},
		"who accepted it works nowhere":  {nil, gone, "units/1"},
		"nobody accepted it or is there": {nil, "", ""},
	} {
		c := vacated(x.by)
		c.Sealed = false
		if desk := complaint.Heir(world{parents: []int{-1, 0, 1}, officers: x.officers}, c); desk != x.desk {
			t.Errorf("%s: it is taken over at %q, want %q", name, desk, x.desk)
		}
	}
	c := vacated(gone)
	c.Sealed, c.State = false, complaintv1.Complaint_STATE_CLOSED
	if complaint.Vacant(world{parents: []int{-1, 0, 1}}, c) {
		t.Error("what has ended is vacant")
	}
}

// Whoever enters posts gives the case of who left every post to nobody beside them, not by
// ending the posts of all above as well: only once another has ended the role. What nobody
// accepted is anybody's at its desk, and goes upward from one whose officers all left.
func TestACaseOfWhoLeftEveryPostGoesUpward(t *testing.T) {
	const gone, beside, above = "units/1/members/gone", "units/1/members/beside", "units/0/members/above"
	for name, x := range map[string]struct {
		officers, departed []seat
		by, desk           string
	}{
		"who left, and one above":          {[]seat{{beside, 1}, {above, 0}}, []seat{{gone, 1}}, gone, "units/0"},
		"who left, and nobody above":       {[]seat{{beside, 1}}, []seat{{gone, 1}}, gone, ""},
		"who left, and so did those above": {[]seat{{beside, 1}}, []seat{{gone, 1}, {above, 0}}, gone, ""},
		"whose role was taken away":        {[]seat{{beside, 1}, {above, 0}}, nil, gone, "units/1"},
		"the same, while those above left": {[]seat{{beside, 1}}, []seat{{above, 0}}, gone, "units/1"},
		"beside one who left as well":      {[]seat{{beside, 1}, {above, 0}}, []seat{{"units/1/members/other", 1}}, gone, "units/1"},
		"nobody accepted it, and one left": {[]seat{{beside, 1}, {above, 0}}, []seat{{gone, 1}}, "", ""},
		"nobody accepted it, and all left": {[]seat{{above, 0}}, []seat{{gone, 1}, {beside, 1}}, "", "units/0"},
		"the same, and so did those above": {nil, []seat{{gone, 1}, {above, 0}}, "", ""},
	} {
		if desk := complaint.Heir(world{parents: []int{-1, 0, 1}, officers: x.officers, departed: x.departed}, vacated(x.by)); desk != x.desk {
			t.Errorf("%s: it is taken over at %q, want %q", name, desk, x.desk)
		}
	}
	topmost := vacated(gone)
	topmost.Unit, topmost.Desk = "units/1", "units/0"
	if desk := complaint.Heir(world{parents: []int{-1, 0}, officers: []seat{{above, 0}}, departed: []seat{{gone, 0}}}, topmost); desk != "" {
		t.Errorf("at the topmost desk: it is taken over at %q", desk)
	}
}

func TestWhomACaseWasAssignedToKeepsItWithTheDesk(t *testing.T) {
	const a, b, above = "units/1/members/a", "units/1/members/b", "units/0/members/above"
	c := vacated("units/1/members/gone")
	c.Assignee = b
	kept, err := complaint.TakeOver(c, a, world{parents: []int{-1, 0, 1}, officers: []seat{{a, 1}, {b, 1}}})
	if err != nil || kept.GetAssignee() != b {
		t.Errorf("at the desk: %v, %v", kept, err)
	}
	lost, err := complaint.TakeOver(c, above, world{parents: []int{-1, 0, 1}, officers: []seat{{above, 0}}})
	if err != nil || lost.GetAssignee() != "" {
		t.Errorf("above: %v, %v", lost, err)
	}
}

// TestAMoveTakesNoCase: 0 ← 1 ← 2 is accused; units/3 lay beside it and lies beneath it
// now. Who is responsible and served at units/3 keeps the case, and a colleague who did
// has a part in it.
func TestAMoveTakesNoCase(t *testing.T) {
	const by, beside = "units/1/members/by", "units/1/members/beside"
	served := []complaint.Tie{{Unit: "units/3"}}
	w := world{
		parents: []int{-1, 0, 1, 2}, then: []int{-1, 0, 1, 1}, officers: []seat{{by, 1}, {beside, 1}},
		past: map[string][]complaint.Tie{by: served, beside: served},
	}
	c := vacated(by)
	c.AcceptTime = timestamppb.New(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	if !complaint.Hears(w, c, by) || complaint.Hears(w, c, beside) {
		t.Errorf("hear it: who has it %v, a colleague %v", complaint.Hears(w, c, by), complaint.Hears(w, c, beside))
	}
}
