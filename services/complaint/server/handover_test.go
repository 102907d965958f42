package server_test

import (
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// revoke ends a grant, and waits until nobody goes by it.
func (p *place) revoke(grant string) {
	p.T.Helper()
	suitetest.OK[*organizationv1.RoleGrant](p.T)(p.Organization(p.SecurityAdmin).DeleteRoleGrant(p.T.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant}))
	p.CatchUp()
}

func TestACaseWhoseOfficerLeftIsTakenOver(t *testing.T) {
	p := newPlace(t)
	leaving, spy := p.Person(p.district), p.Person(p.school)
	grant := p.Grant(leaving.Name, p.district, officer)
	p.Grant(spy.Name, p.district, officer)
	req := p.about(p.school, complaintv1.Complaint_TYPE_REPORT)
	req.Intake = p.city
	c, _ := p.take(p.cityOfficer, req)
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}))

	take := &complaintv1.TakeOverComplaintRequest{Name: c.GetName()}
	get := &complaintv1.GetComplaintRequest{Name: c.GetName()}
	takes := func(who suitetest.Person) (*complaintv1.Complaint, error) {
		return p.Complaint(who.Key).TakeOverComplaint(t.Context(), take)
	}
	refused[*complaintv1.Complaint](t, complaint.ErrNotVacant)(takes(leaving))
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(takes(p.officer))
	p.revoke(grant)
	for _, who := range []suitetest.Person{spy, p.clerk, p.cityOfficer, p.stranger, leaving} {
		_, err := p.Complaint(who.Key).GetComplaint(t.Context(), get)
		if err == nil {
			t.Errorf("%s reads a vacant case", who.Name)
		}
		if _, err = takes(who); err == nil {
			t.Errorf("%s takes it over", who.Name)
		}
	}
	desk := p.Complaint(p.officer.Key)
	if list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(desk.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{})); len(list.GetComplaints()) != 1 {
		t.Errorf("who may take it over lists %v", list)
	}
	refused[*complaintv1.OpenComplaintResponse](t, authz.ErrDenied)(desk.OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{Name: c.GetName(), Purpose: complaintv1.Opening_PURPOSE_INVESTIGATION}))
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(desk.ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: c.GetName(), Text: "x"}))
	if taken := suitetest.OK[*complaintv1.Complaint](t)(takes(p.officer)); taken.GetResponsible() != p.officer.Name || taken.GetDesk() != p.district || taken.GetText() != "" {
		t.Errorf("taken over: %v", taken)
	}
	p.opens(p.officer, c.GetName())
}

// opens looks whether who is responsible reads the content.
func (p *place) opens(who suitetest.Person, name string) {
	p.T.Helper()
	opened := suitetest.OK[*complaintv1.OpenComplaintResponse](p.T)(p.Complaint(who.Key).OpenComplaint(p.T.Context(), &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_INVESTIGATION}))
	if opened.GetComplaint().GetText() != "食堂饭菜不热" {
		p.T.Errorf("%s opens %v", who.Name, opened)
	}
}

func TestACaseWhoseDeskIsEmptyIsTakenOverAbove(t *testing.T) {
	p := newPlace(t)
	second := p.Unit("second", p.city, organizationv1.Unit_KIND_DISTRICT)
	school := p.Unit("school2", second, organizationv1.Unit_KIND_SCHOOL)
	leaving := p.Person(second)
	grant := p.Grant(leaving.Name, second, officer)
	req := p.about(school, complaintv1.Complaint_TYPE_REPORT)
	c, receipt := p.take(p.clerk, req)
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}))
	take := &complaintv1.TakeOverComplaintRequest{Name: c.GetName(), RequestId: "over"}
	city := p.Complaint(p.cityOfficer.Key)
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(city.TakeOverComplaint(t.Context(), take))
	p.revoke(grant)
	taken := suitetest.OK[*complaintv1.Complaint](t)(city.TakeOverComplaint(t.Context(), take))
	if taken.GetDesk() != p.city || taken.GetResponsible() != p.cityOfficer.Name {
		t.Errorf("taken over: %v", taken)
	}
	suitetest.OK[*complaintv1.Complaint](t)(city.TakeOverComplaint(t.Context(), take)) // a repeat
	p.opens(p.cityOfficer, c.GetName())
	suitetest.OK[*complaintv1.LookupReceiptResponse](t)(p.Complaint("").LookupReceipt(t.Context(), &complaintv1.LookupReceiptRequest{Receipt: receipt}))
	late := p.Person(second, officer)
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(late.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: c.GetName()}))
}
