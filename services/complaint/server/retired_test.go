package server_test

import (
	"testing"
	"time"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// until is a post at the district whose last day that is.
func (p *place) until(day string) *organizationv1.Post {
	return &organizationv1.Post{Unit: p.district, Kind: organizationv1.Post_KIND_STAFF, EndDate: day}
}

// An officer who has left every post opens nothing from the day after the last one, though
// the role was never taken away, and a post that is entered there since gives it back.
func TestAnOfficerWhoLeftEveryPostOpensNothing(t *testing.T) {
	p := newPlace(t)
	p.post(p.officer, p.until("2026-02-09"))
	name := p.report()
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	p.opens(p.officer, name)
	p.SetTime(suitetest.Start.Add(24 * time.Hour))
	open := &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_INVESTIGATION}
	refused[*complaintv1.OpenComplaintResponse](t, authz.ErrPostsOver)(desk.OpenComplaint(t.Context(), open))
	refused[*complaintv1.Complaint](t, authz.ErrPostsOver)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	refused[*complaintv1.Complaint](t, authz.ErrPostsOver)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
	p.post(p.officer, p.until("2026-02-09"), serves(p.other))
	refused[*complaintv1.OpenComplaintResponse](t, authz.ErrPostsOver)(desk.OpenComplaint(t.Context(), open))
	p.post(p.officer, p.until("2026-02-09"), serves(p.district))
	p.opens(p.officer, name)
}

// Nobody chooses who beside an officer gets their case by ending their posts, or by
// entering one of the past for who had none: it goes upward. Whom the role is taken away
// from leaves it to the desk.
func TestACaseOfWhoLeftEveryPostGoesUpward(t *testing.T) {
	for how, posts := range map[string]func(p *place) []*organizationv1.Post{
		"the last ended": func(p *place) []*organizationv1.Post { return []*organizationv1.Post{p.until("2026-02-08")} },
		"one of the past alone": func(p *place) []*organizationv1.Post {
			return []*organizationv1.Post{{Unit: p.other, Kind: organizationv1.Post_KIND_STAFF, StartDate: "2020-09-01", EndDate: "2020-09-01"}}
		},
	} {
		t.Run(how, func(t *testing.T) {
			p := newPlace(t)
			beside, leaving := p.Person(p.district, officer), p.Person(p.district)
			granted := p.Grant(leaving.Name, p.district, officer)
			p.CatchUp()
			first, second := p.report(), p.report()
			for _, name := range []string{first, second} {
				suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
			}
			p.post(leaving, posts(p)...)
			take := &complaintv1.TakeOverComplaintRequest{Name: first}
			refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(beside.Key).TakeOverComplaint(t.Context(), take))
			if taken := suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.cityOfficer.Key).TakeOverComplaint(t.Context(), take)); taken.GetDesk() != p.city {
				t.Errorf("taken over: %v", taken)
			}
			p.revoke(granted)
			take.Name = second
			if taken := suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(beside.Key).TakeOverComplaint(t.Context(), take)); taken.GetDesk() != p.district {
				t.Errorf("taken over at the desk: %v", taken)
			}
		})
	}
}

// Nor does one administrator by ending the posts of the officer and of all above for a moment:
// whoever is beside them finds nothing, and who had the case has it once the posts are back.
func TestEndingThePostsOfAllAboveGivesNobodyBesideTheCase(t *testing.T) {
	p := newPlace(t)
	beside := p.Person(p.district, officer)
	p.CatchUp()
	name := p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	for _, who := range []suitetest.Person{p.officer, p.cityOfficer} {
		p.post(who, p.until("2026-02-08"))
	}
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(beside.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: name}))
	for _, who := range []suitetest.Person{p.officer, p.cityOfficer} {
		p.post(who, serves(p.district))
	}
	p.opens(p.officer, name)
}

// A desk whose officers have left every post hears nothing more, and what waits there
// unaccepted goes where somebody is; who works on an open case is succeeded at the desk.
func TestADeskOfThoseWhoLeftEveryPostIsEmpty(t *testing.T) {
	p := newPlace(t)
	fresh := p.report()
	open, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: open.GetName()}))
	p.post(p.officer, p.until("2026-02-08"))
	if c, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_REPORT)); c.GetDesk() != p.city || c.GetRouting() != "6" {
		t.Errorf("the desk is %s by routing %s, want the city by 6", c.GetDesk(), c.GetRouting())
	}
	take := &complaintv1.TakeOverComplaintRequest{Name: fresh}
	if taken := suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.cityOfficer.Key).TakeOverComplaint(t.Context(), take)); taken.GetDesk() != p.city {
		t.Errorf("taken over: %v", taken)
	}
	take.Name = open.GetName()
	if taken := suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.clerk.Key).TakeOverComplaint(t.Context(), take)); taken.GetResponsible() != p.clerk.Name {
		t.Errorf("the open case is %s's", taken.GetResponsible())
	}
}
