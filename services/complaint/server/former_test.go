package server_test

import (
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// served enters somebody into the district, who serves there and held posts elsewhere
// until a day before every test.
func (p *place) served(units ...string) suitetest.Person {
	p.T.Helper()
	who := p.Person(p.district)
	posts := []*organizationv1.Post{serves(p.district)}
	for _, unit := range units {
		posts = append(posts, &organizationv1.Post{Unit: unit, Kind: organizationv1.Post_KIND_HEAD, EndDate: "2026-02-01"})
	}
	p.post(who, posts...)
	return who
}

// serves is a post in a unit that goes on.
func serves(unit string) *organizationv1.Post {
	return &organizationv1.Post{Unit: unit, Kind: organizationv1.Post_KIND_STAFF}
}

// post enters these posts of a person, and no others.
func (p *place) post(who suitetest.Person, posts ...*organizationv1.Post) {
	p.T.Helper()
	suitetest.OK[*organizationv1.Member](p.T)(p.Organization(p.SystemAdmin).UpdateMember(p.T.Context(), &organizationv1.UpdateMemberRequest{
		Member: &organizationv1.Member{Name: who.Name, DisplayName: "演示人员", Posts: posts},
	}))
	p.CatchUp()
}

// Whoever held a post or a role at the accused unit, or beneath it, has a part in the
// case for good: as an officer of its desk, whom it is assigned to, who takes it over
// and who takes it in. Whoever did so elsewhere has none.
func TestWhoLeftTheAccusedHearsNothing(t *testing.T) {
	p := newPlace(t)
	dept := p.Unit("dept", p.school, organizationv1.Unit_KIND_DEPARTMENT)
	sister := p.Unit("sister", p.district, organizationv1.Unit_KIND_SCHOOL)
	struck := p.served(p.school)
	p.post(struck)
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
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: vacant}))
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
		if list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(client.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{})); len(list.GetComplaints()) != 0 {
			t.Errorf("an officer %s lists %v", how, list)
		}
		refused[*complaintv1.CreateComplaintResponse](t, complaint.ErrTakerInvolved)(client.CreateComplaint(t.Context(), p.about(p.school, complaintv1.Complaint_TYPE_REPORT)))
	}
	desk := p.Complaint(elsewhere.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: vacant}))
	p.opens(elsewhere, vacant)
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: fresh}))
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

// Nobody takes a case from who has it and serves somewhere by entering a post of the past; a
// post of the present takes it from them upward, past those beside them.
func TestAPostOfThePastTakesNoCase(t *testing.T) {
	p := newPlace(t)
	beside := p.Person(p.district, officer)
	name := p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	take := &complaintv1.TakeOverComplaintRequest{Name: name}
	past := &organizationv1.Post{Unit: p.school, Kind: organizationv1.Post_KIND_STAFF, StartDate: "2020-09-01", EndDate: "2020-09-01"}
	p.SetTime(suitetest.Start.Add(time.Hour))
	p.post(p.officer, serves(p.district), past)
	p.opens(p.officer, name)
	for _, who := range []suitetest.Person{beside, p.cityOfficer} {
		refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(who.Key).TakeOverComplaint(t.Context(), take))
	}
	second := p.report()
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: second}))

	p.post(p.officer, past, &organizationv1.Post{Unit: p.school, Kind: organizationv1.Post_KIND_STAFF, StartDate: "2020-09-01"})
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(p.officer.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(beside.Key).TakeOverComplaint(t.Context(), take))
	if taken := suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.cityOfficer.Key).TakeOverComplaint(t.Context(), take)); taken.GetDesk() != p.city {
		t.Errorf("taken over: %v", taken)
	}
	p.opens(p.cityOfficer, name)
}

// A unit that is led by whoever once led the accused does not hear of their time.
func TestADeskLedByWhoOnceLedTheAccusedIsPassedBy(t *testing.T) {
	p := newPlace(t)
	risen := p.Person(p.district)
	post := func(unit, end string) *organizationv1.Post {
		return &organizationv1.Post{Unit: unit, Kind: organizationv1.Post_KIND_HEAD, EndDate: end}
	}
	for _, x := range []struct {
		posts []*organizationv1.Post
		desk  string
	}{
		{[]*organizationv1.Post{post(p.other, "2026-02-01"), post(p.district, "")}, p.district},
		{[]*organizationv1.Post{post(p.school, "2026-02-01"), post(p.district, "")}, p.city},
		{[]*organizationv1.Post{post(p.school, "2026-02-01"), post(p.district, "2026-02-02")}, p.district},
	} {
		p.post(risen, x.posts...)
		if c, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_REPORT)); c.GetDesk() != x.desk {
			t.Errorf("with the posts %v the desk is %s, want %s", x.posts, c.GetDesk(), x.desk)
		}
	}
}

// Nobody takes a case from who has it by moving a unit where they served beneath the
// accused; who has none has a part in it from then on.
func TestAMoveOfAUnitTakesNoCase(t *testing.T) {
	p := newPlace(t)
	sister := p.Unit("sister", p.district, organizationv1.Unit_KIND_SCHOOL)
	who, beside := p.served(sister), p.served(sister)
	for _, w := range []suitetest.Person{who, beside} {
		p.Grant(w.Name, p.district, officer)
	}
	p.CatchUp()
	name := p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(who.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	p.SetTime(suitetest.Start.Add(time.Hour))
	suitetest.OK[*organizationv1.Unit](t)(p.Organization(p.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: sister, Parent: p.school}))
	p.CatchUp()
	p.opens(who, name)
	second := p.report()
	for _, w := range []suitetest.Person{who, beside} {
		refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(w.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: second}))
	}
}
