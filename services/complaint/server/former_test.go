package server_test

import (
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// served enters somebody into the district who held posts elsewhere until a day
// before every test.
func (p *place) served(units ...string) suitetest.Person {
	p.T.Helper()
	who := p.Person(p.district)
	m := &organizationv1.Member{Name: who.Name, DisplayName: "演示人员"}
	for _, unit := range units {
		m.Posts = append(m.Posts, &organizationv1.Post{Unit: unit, Kind: organizationv1.Post_KIND_HEAD, EndDate: "2026-02-01"})
	}
	ok[*organizationv1.Member](p.T)(p.Organization(p.SystemAdmin).UpdateMember(p.T.Context(), &organizationv1.UpdateMemberRequest{Member: m}))
	return who
}

// Whoever held a post or a role at the accused unit, or beneath it, has a part in the
// case for good: as an officer of its desk, whom it is assigned to, who takes it over
// and who takes it in. Whoever did so elsewhere has none.
func TestWhoLeftTheAccusedHearsNothing(t *testing.T) {
	p := newPlace(t)
	dept := p.Unit("dept", p.school, organizationv1.Unit_KIND_DEPARTMENT)
	sister := p.Unit("sister", p.district, organizationv1.Unit_KIND_SCHOOL)
	struck := p.served(p.school)
	ok[*organizationv1.Member](t)(p.Organization(p.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
		Name: struck.Name, DisplayName: "演示人员",
	}}))
	granted := p.Person(p.district)
	p.revoke(p.Grant(granted.Name, dept, accessv1.Role_ROLE_LEADER))
	involved := map[string]suitetest.Person{
		"whose post has ended": p.served(p.school), "whose post beneath it has ended": p.served(dept),
		"whose post was struck out": struck, "whose grant has ended": granted,
	}
	elsewhere := p.served(sister)
	for _, who := range involved {
		p.Grant(who.Name, p.district, officer)
	}
	p.Grant(elsewhere.Name, p.district, officer)
	leaving := p.Person(p.district)
	grant := p.Grant(leaving.Name, p.district, officer)
	p.CatchUp()
	fresh, vacant := p.report(), p.report()
	ok[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: vacant}))
	p.revoke(grant)

	for how, who := range involved {
		client := p.Complaint(who.Key)
		missing := asks(t, client, "complaints/none", p.officer.Name)
		for _, name := range []string{fresh, vacant} {
			for method, got := range asks(t, client, name, p.officer.Name) {
				if got != missing[method] {
					t.Errorf("an officer %s asks to %s: %q, and of a missing complaint %q", how, method, got, missing[method])
				}
			}
		}
		if list := ok[*complaintv1.ListComplaintsResponse](t)(client.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{})); len(list.GetComplaints()) != 0 {
			t.Errorf("an officer %s lists %v", how, list)
		}
		refused[*complaintv1.CreateComplaintResponse](t, complaint.ErrTakerInvolved)(client.CreateComplaint(t.Context(), p.about(p.school, complaintv1.Complaint_TYPE_REPORT)))
	}
	desk := p.Complaint(elsewhere.Key)
	ok[*complaintv1.Complaint](t)(desk.TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: vacant}))
	p.opens(elsewhere, vacant)
	ok[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: fresh}))
	for _, who := range involved {
		refused[*complaintv1.Complaint](t, complaint.ErrOfficerWanted)(desk.AssignComplaint(t.Context(), assignPerson(fresh, who.Name)))
	}
}

// A desk all of whose officers once served at the accused is passed by.
func TestADeskOfThoseWhoLeftTheAccusedIsPassedBy(t *testing.T) {
	p := newPlace(t)
	former := p.Unit("former", p.city, organizationv1.Unit_KIND_DISTRICT)
	school := p.Unit("school2", former, organizationv1.Unit_KIND_SCHOOL)
	p.Grant(p.served(school).Name, former, officer)
	p.CatchUp()
	if c, _ := p.take(p.clerk, p.about(school, complaintv1.Complaint_TYPE_REPORT)); c.GetDesk() != p.city {
		t.Errorf("the desk is %s, want the city", c.GetDesk())
	}
	if c, _ := p.take(p.clerk, p.about(school, complaintv1.Complaint_TYPE_COMPLAINT)); c.GetDesk() != former {
		t.Errorf("the desk of an open complaint is %s", c.GetDesk())
	}
}
