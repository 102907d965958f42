package server_test

import (
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// asleep ends the posts of people.
func (p *place) asleep(people ...suitetest.Person) {
	p.T.Helper()
	for _, who := range people {
		p.post(who, p.until("2026-02-08"))
	}
}

// archive archives a unit.
func (p *place) archive(unit string) {
	p.T.Helper()
	suitetest.OK[*organizationv1.Unit](p.T)(p.Organization(p.SystemAdmin).ArchiveUnit(p.T.Context(), &organizationv1.ArchiveUnitRequest{Name: unit}))
	p.CatchUp()
}

// goesUp has an officer above take a case over, whatever they could not before, and act on it;
// others, none.
func (p *place) goesUp(name, desk string, to suitetest.Person, others ...suitetest.Person) {
	p.T.Helper()
	accept, take := &complaintv1.AcceptComplaintRequest{Name: name}, &complaintv1.TakeOverComplaintRequest{Name: name}
	for _, who := range others {
		if _, err := p.Complaint(who.Key).TakeOverComplaint(p.T.Context(), take); err == nil {
			p.T.Errorf("%s takes it over", who.Name)
		}
	}
	heir := p.Complaint(to.Key)
	refused[*complaintv1.Complaint](p.T, authz.ErrDenied)(heir.AcceptComplaint(p.T.Context(), accept))
	taken := suitetest.OK[*complaintv1.Complaint](p.T)(heir.TakeOverComplaint(p.T.Context(), take))
	if taken.GetDesk() != desk || taken.GetState() == complaintv1.Complaint_STATE_RECEIVED && taken.GetResponsible() != "" {
		p.T.Errorf("taken over: %v", taken)
	}
	if taken.GetState() == complaintv1.Complaint_STATE_RECEIVED {
		taken = suitetest.OK[*complaintv1.Complaint](p.T)(heir.AcceptComplaint(p.T.Context(), accept))
	}
	if taken.GetResponsible() != to.Name {
		p.T.Errorf("accepted: %v", taken)
	}
	suitetest.OK[*complaintv1.Complaint](p.T)(heir.AssignComplaint(p.T.Context(), assignUnit(name, desk)))
}

// An enquiry about a unit where nobody works is its superior's, and where nobody is left
// anywhere it is refused and nothing is kept.
func TestAnEnquiryGoesPastAUnitWhereNobodyWorks(t *testing.T) {
	p := newPlace(t)
	empty := p.Unit("empty", p.district, organizationv1.Unit_KIND_SCHOOL)
	desk := func(unit string, kind complaintv1.Complaint_Type, want string) {
		t.Helper()
		answer := suitetest.OK[*complaintv1.SubmitComplaintResponse](t)(p.Complaint("").SubmitComplaint(t.Context(), &complaintv1.SubmitComplaintRequest{
			Complaint: &complaintv1.Complaint{Type: kind, Unit: unit, Text: "内容"},
		}))
		if answer.GetDesk() != want {
			t.Errorf("%v about %s goes to %s, want %s", kind, unit, answer.GetDesk(), want)
		}
	}
	desk(p.school, complaintv1.Complaint_TYPE_HELP, p.school)
	desk(empty, complaintv1.Complaint_TYPE_ENQUIRY, p.district)
	p.asleep(p.schoolLeader)
	desk(p.school, complaintv1.Complaint_TYPE_SUGGESTION, p.district)
	p.asleep(p.officer, p.clerk)
	desk(p.school, complaintv1.Complaint_TYPE_HELP, p.city)
	p.asleep(p.cityOfficer)
	refused[*complaintv1.SubmitComplaintResponse](t, complaint.ErrNobodyHears)(p.Complaint("").SubmitComplaint(t.Context(), &complaintv1.SubmitComplaintRequest{
		Complaint: &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_ENQUIRY, Unit: empty, Text: "内容"},
	}))
}

// A complaint goes past an officer who belongs to the unit that it is about, of which they
// are not to hear.
func TestAComplaintGoesPastWhoMayNotHearIt(t *testing.T) {
	p := newPlace(t)
	second := p.Unit("second", p.city, organizationv1.Unit_KIND_DISTRICT)
	school := p.Unit("school2", second, organizationv1.Unit_KIND_SCHOOL)
	p.Grant(p.Person(school).Name, second, officer)
	p.CatchUp()
	c, _ := p.take(p.clerk, p.about(school, complaintv1.Complaint_TYPE_COMPLAINT))
	if c.GetDesk() != p.city {
		t.Errorf("the desk is %s, want the city", c.GetDesk())
	}
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.cityOfficer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}))
}

// What waits at a unit whose people have left it, archived or not, is taken over above.
func TestAnOpenCaseOfAnEmptyDeskIsTakenOverAbove(t *testing.T) {
	p := newPlace(t)
	help, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_HELP))
	begun, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_ENQUIRY))
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.schoolLeader.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: begun.GetName()}))
	for _, who := range []suitetest.Person{p.officer, p.cityOfficer, p.stranger} {
		if _, err := p.Complaint(who.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: help.GetName()}); err == nil {
			t.Errorf("%s takes over what its desk may hear", who.Name)
		}
	}
	p.post(p.schoolLeader, serves(p.school))
	p.archive(p.school)
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(p.Complaint(p.officer.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: help.GetName()})) // its people finish it
	p.asleep(p.schoolLeader)
	for _, name := range []string{help.GetName(), begun.GetName()} {
		p.goesUp(name, p.district, p.officer, p.schoolLeader, p.cityOfficer, p.stranger)
	}
}

// A complaint whose desk was archived, once the unit that it is about had moved elsewhere,
// goes to the desk above that one: not to the unit's new superior, and to nobody who
// belongs to the unit.
func TestAComplaintGoesUpFromAnArchivedDesk(t *testing.T) {
	p := newPlace(t)
	second := p.Unit("second", p.city, organizationv1.Unit_KIND_DISTRICT)
	school := p.Unit("school2", second, organizationv1.Unit_KIND_SCHOOL)
	old := p.Person(second, officer)
	theirs := p.Person(school)
	p.Grant(theirs.Name, p.city, officer)
	p.CatchUp()
	fresh, _ := p.take(p.clerk, p.about(school, complaintv1.Complaint_TYPE_COMPLAINT))
	begun, _ := p.take(p.clerk, p.about(school, complaintv1.Complaint_TYPE_COMPLAINT))
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(old.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: begun.GetName()}))
	suitetest.OK[*organizationv1.Unit](t)(p.Organization(p.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: school, Parent: p.district}))
	p.asleep(old)
	p.archive(second)
	for _, name := range []string{fresh.GetName(), begun.GetName()} {
		for _, who := range []suitetest.Person{theirs, p.officer} {
			refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(who.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: name}))
		}
		p.goesUp(name, p.city, p.cityOfficer, theirs, p.officer, old)
	}
}

// Who works for the school of a party branch or a department hears what is about that, and
// nobody takes it from them.
func TestASchoolWorksForItsOrgans(t *testing.T) {
	p := newPlace(t)
	other := p.Person(p.school, clerk)
	for id, kind := range map[string]organizationv1.Unit_Kind{"branch": organizationv1.Unit_KIND_PARTY_BRANCH, "office": organizationv1.Unit_KIND_DEPARTMENT} {
		organ := p.Unit(id, p.school, kind)
		c, _ := p.take(p.clerk, p.about(organ, complaintv1.Complaint_TYPE_ENQUIRY))
		if c.GetDesk() != organ {
			t.Errorf("the desk is %s, want %s", c.GetDesk(), organ)
		}
		suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.schoolLeader.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}))
		refused[*complaintv1.Complaint](t, complaint.ErrNotVacant)(p.Complaint(other.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: c.GetName()}))
	}
}

// Whom a case is assigned to that waits for a desk above reads what it waits for.
func TestACaseThatWaitsSaysWhatFor(t *testing.T) {
	p := newPlace(t)
	second, name := p.Person(p.district, officer), p.report()
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	suitetest.OK[*complaintv1.Complaint](t)(desk.AssignComplaint(t.Context(), assignPerson(name, second.Name)))
	take := &complaintv1.TakeOverComplaintRequest{Name: name}
	refused[*complaintv1.Complaint](t, complaint.ErrNotVacant)(p.Complaint(second.Key).TakeOverComplaint(t.Context(), take))
	p.asleep(p.officer, p.cityOfficer)
	refused[*complaintv1.Complaint](t, complaint.ErrTakeOverPending)(p.Complaint(second.Key).TakeOverComplaint(t.Context(), take))
}
