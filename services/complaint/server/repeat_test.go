package server_test

import (
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
)

// For whom a sealed case is not there any more, neither is what they were answered of it:
// who got a post at the accused repeats in vain what they did before.
func TestARepeatTellsNothingOfACaseThatIsGoneForTheCaller(t *testing.T) {
	p := newPlace(t)
	name, desk := p.report(), p.Complaint(p.officer.Key)
	accept := &complaintv1.AcceptComplaintRequest{Name: name, RequestId: "accept"}
	open := &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_DECISION, RequestId: "open"}
	assign := assignPerson(name, p.officer.Name)
	assign.RequestId = "assign"
	repeats := map[string]func() (*complaintv1.Complaint, error){
		"accept": func() (*complaintv1.Complaint, error) { return desk.AcceptComplaint(t.Context(), accept) },
		"assign": func() (*complaintv1.Complaint, error) { return desk.AssignComplaint(t.Context(), assign) },
		"open": func() (*complaintv1.Complaint, error) {
			opened, err := desk.OpenComplaint(t.Context(), open)
			return opened.GetComplaint(), err
		},
	}
	for range 2 { // the second time they are repeats
		for _, method := range []string{"open", "accept", "assign"} {
			if _, err := repeats[method](); err != nil {
				t.Fatalf("to %s = %v", method, err)
			}
		}
	}
	p.post(p.officer, &organizationv1.Post{Unit: p.school, Kind: organizationv1.Post_KIND_STAFF, StartDate: "2026-02-01"})
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	for method, repeat := range repeats {
		c, err := repeat()
		if c != nil && c.GetName() != "" {
			t.Errorf("the repeat to %s tells %v", method, c)
		}
		refused[*complaintv1.Complaint](t, authz.ErrNotFound)(c, err)
	}
}

// Whoever took a report in is answered again while they take in for that unit, of which
// nothing is kept with the request.
func TestWhoTakesInNoMoreIsNotAnsweredAgain(t *testing.T) {
	p := newPlace(t)
	leaving := p.Person(p.other, officer)
	grant := p.Grant(leaving.Name, p.city, officer)
	p.CatchUp()
	req := p.about(p.school, complaintv1.Complaint_TYPE_REPORT)
	req.Intake, req.RequestId = p.city, "intake"
	first, receipt := p.take(leaving, req)
	if again, none := p.take(leaving, req); again.GetName() != first.GetName() || receipt == "" || none != "" {
		t.Errorf("the repeat = %v with a receipt of %d characters", again, len(none))
	}
	p.revoke(grant)
	refused[*complaintv1.CreateComplaintResponse](t, authz.ErrNotFound)(p.Complaint(leaving.Key).CreateComplaint(t.Context(), req))
}
