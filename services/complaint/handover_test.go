package complaint_test

import (
	"errors"
	"slices"
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

// TestAnOpenCaseIsTakenOver once who accepted it works at its desk no more, or if nobody did
// once nobody works there who may hear it: there while somebody is left, or else at the
// nearest desk above. 0 ← 1 ← 2; units/2 is what it is about.
func TestAnOpenCaseIsTakenOver(t *testing.T) {
	const gone, beside, above, theirs = "units/1/members/gone", "units/1/members/beside", "units/0/members/above", "units/2/members/theirs"
	for name, x := range map[string]struct {
		officers []seat
		by, desk string
	}{
		"who accepted it works there":              {[]seat{{gone, 1}, {above, 0}}, gone, ""},
		"who accepted it works above":              {[]seat{{gone, 0}}, gone, "units/0"},
		"who accepted it left, and one is beside":  {[]seat{{beside, 1}, {above, 0}}, gone, "units/1"},
		"who accepted it left, and one is above":   {[]seat{{above, 0}}, gone, "units/0"},
		"who accepted it left, and nobody is":      {nil, gone, ""},
		"who accepted it belongs to the unit now":  {[]seat{{gone, 1}, {gone, 2}, {beside, 1}}, gone, "units/1"},
		"nobody accepted it, and one is there":     {[]seat{{beside, 1}, {above, 0}}, "", ""},
		"nobody accepted it, and one is above":     {[]seat{{above, 0}}, "", "units/0"},
		"nobody accepted it, theirs alone there":   {[]seat{{theirs, 1}, {above, 0}}, "", "units/0"},
		"nobody accepted it, theirs alone is":      {[]seat{{theirs, 1}, {theirs, 0}}, "", ""},
		"nobody accepted it, and one is elsewhere": {[]seat{{theirs, 2}}, "", ""},
		"nobody accepted it, and nobody is":        {nil, "", ""},
	} {
		for _, kind := range []complaintv1.Complaint_Type{complaintv1.Complaint_TYPE_COMPLAINT, complaintv1.Complaint_TYPE_HELP} {
			c := vacated(x.by)
			c.Type, c.Sealed = kind, false
			if x.by == "" {
				c.State = complaintv1.Complaint_STATE_RECEIVED
			}
			w := world{parents: []int{-1, 0, 1}, officers: x.officers}
			if desk := complaint.Heir(w, c); desk != x.desk {
				t.Errorf("%s: it is taken over at %q, want %q", name, desk, x.desk)
			}
			for _, who := range []string{gone, beside, above, theirs} {
				works := x.desk != "" && who != theirs && slices.Contains(x.officers, seat{who, slices.Index(units, x.desk)}) && !slices.Contains(x.officers, seat{who, 2})
				taken, err := complaint.TakeOver(c, who, w)
				if (err == nil) != works || taken.GetResponsible() != "" && taken.GetResponsible() != who || works && (taken.GetResponsible() == "") != (x.by == "") {
					t.Errorf("%s: %s takes it over: %v, %v", name, who, taken, err)
				}
			}
		}
	}
	c := vacated(gone)
	c.Sealed, c.State = false, complaintv1.Complaint_STATE_CLOSED
	if complaint.Vacant(world{parents: []int{-1, 0, 1}}, c) {
		t.Error("what has ended is vacant")
	}
}

// What the desk that lost it looked into itself (自办), the one that takes it over does, and
// what another unit was to answer stays with that.
func TestWhatADeskDidItselfItsHeirDoes(t *testing.T) {
	const above = "units/0/members/above"
	for assigned, want := range map[string]string{"units/1": "units/0", "units/2": "units/2", "": ""} {
		c := vacated("units/1/members/gone")
		c.Sealed, c.Type, c.AssignedUnit = false, complaintv1.Complaint_TYPE_COMPLAINT, assigned
		taken, err := complaint.TakeOver(c, above, world{parents: []int{-1, 0, 1}, officers: []seat{{above, 0}}})
		if err != nil || taken.GetAssignedUnit() != want {
			t.Errorf("assigned to %q, it is %q's to answer now, %v; want %q", assigned, taken.GetAssignedUnit(), err, want)
		}
	}
}

// A complaint about a bureau beneath which its desk was moved goes past that bureau: 0 ← 1 ← 2,
// where units/1 is what it is about. A suggestion is the bureau's to answer.
func TestAComplaintIsNotInheritedByWhomItIsAbout(t *testing.T) {
	w := world{parents: []int{-1, 0, 1}, officers: []seat{{"units/1/members/theirs", 1}, {"units/0/members/above", 0}}}
	for kind, want := range map[complaintv1.Complaint_Type]string{complaintv1.Complaint_TYPE_COMPLAINT: "units/0", complaintv1.Complaint_TYPE_SUGGESTION: "units/1"} {
		c := &complaintv1.Complaint{Type: kind, Unit: "units/1", Desk: "units/2", State: complaintv1.Complaint_STATE_RECEIVED}
		if desk := complaint.Heir(w, c); desk != want {
			t.Errorf("%v is inherited by %q, want %q", kind, desk, want)
		}
	}
}

// Whom a case that waits is assigned to is told what it waits for, and not that who accepted
// it works on it still.
func TestACaseThatWaitsSaysWhatFor(t *testing.T) {
	const gone, assigned, above = "units/1/members/gone", "units/1/members/assigned", "units/0/members/above"
	for name, x := range map[string]struct {
		officers, departed []seat
		want               error
	}{
		"who accepted it works":          {[]seat{{gone, 1}, {assigned, 1}, {above, 0}}, nil, complaint.ErrNotVacant},
		"who accepted it left":           {[]seat{{assigned, 1}, {above, 0}}, []seat{{gone, 1}}, complaint.ErrTakeOverPending},
		"who accepted it left, and all":  {[]seat{{assigned, 1}}, []seat{{gone, 1}, {above, 0}}, complaint.ErrTakeOverPending},
		"and the role was ended":         {[]seat{{assigned, 1}}, []seat{{above, 0}}, nil},
		"who accepted it belongs to it":  {[]seat{{assigned, 1}, {gone, 1}, {gone, 2}}, nil, complaint.ErrTakeOverPending},
		"the same, and nobody beside it": {[]seat{{gone, 1}, {gone, 2}}, nil, complaint.ErrTakeOverPending},
	} {
		c := vacated(gone)
		c.Assignee = assigned
		if _, err := complaint.TakeOver(c, assigned, world{parents: []int{-1, 0, 1}, officers: x.officers, departed: x.departed}); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
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
