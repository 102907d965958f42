package server_test

import (
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// Who belongs to the unit that an ordinary complaint is about finds nothing of it at the
// desk above, whatever they may there; what the unit hears itself they hear.
func TestNobodyHearsAComplaintAboutTheirOwnUnit(t *testing.T) {
	p := newPlace(t)
	name := func(kind complaintv1.Complaint_Type) string {
		c, _ := p.take(p.clerk, p.about(p.school, kind))
		return c.GetName()
	}
	against, enquiry := name(complaintv1.Complaint_TYPE_COMPLAINT), name(complaintv1.Complaint_TYPE_ENQUIRY)
	for _, role := range []suitetest.Person{p.Person(p.school, leader), p.schoolLeader} {
		p.Grant(role.Name, p.district, officer)
		p.Grant(role.Name, p.district, leader)
		p.CatchUp()
		as := p.Complaint(role.Key)
		hidden := refused[*complaintv1.Complaint](t, authz.ErrNotFound)
		hidden(as.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: against}))
		hidden(as.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: against}))
		hidden(as.RejectComplaint(t.Context(), &complaintv1.RejectComplaintRequest{Name: against, Reason: "不实"}))
		listed := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(as.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{}))
		if all := listed.GetComplaints(); len(all) != 1 || all[0].GetName() != enquiry {
			t.Errorf("the list has %v", all)
		}
	}
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: against}))
	suitetest.OK[*complaintv1.Complaint](t)(desk.AssignComplaint(t.Context(), &complaintv1.AssignComplaintRequest{
		Name: against, To: &complaintv1.AssignComplaintRequest_Unit{Unit: p.school},
	}))
	as := p.Complaint(p.schoolLeader.Key) // to whose school it is assigned
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(as.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: against}))
	suitetest.OK[*complaintv1.Complaint](t)(as.ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: against, Text: "已整改"}))
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(as.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: against}))
	suitetest.OK[*complaintv1.Complaint](t)(as.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: enquiry}))
}
