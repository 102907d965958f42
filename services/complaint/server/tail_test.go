package server_test

import (
	"os"
	"slices"
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// A case that came back with a tail, without its content, exists for officers whom it cannot be
// about, who close it, and for nobody else; an open one says that its text is lost.
func TestACaseThatLostItsContentInATailIsClosed(t *testing.T) {
	p := newPlace(t)
	former, elsewhere := p.served(p.school), p.served(p.other)
	for _, who := range []suitetest.Person{former, elsewhere} {
		p.Grant(who.Name, p.district, officer)
	}
	p.CatchUp()
	kept := p.report()
	old, start := suitetest.OK[[]byte](t)(os.ReadFile(p.Store("complaint"))), p.Tail("complaint", 0).GetSize()
	fresh, higher, accepted := p.report(), p.report(), p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: accepted}))
	open, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	tail := p.Tail("complaint", start)
	s := p.Behind("complaint", old)
	s.Regain(tail)

	desk, above := s.Complaint(p.officer.Key), s.Complaint(p.cityOfficer.Key)
	unreadable := func(c complaintv1.ComplaintServiceClient) (names []string) {
		list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(c.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{Filter: "unreadable = true"}))
		for _, c := range list.GetComplaints() {
			names = append(names, c.GetName())
		}
		return names
	}
	if got, want := unreadable(desk), []string{fresh, higher, accepted, open.GetName()}; !slices.Equal(got, want) {
		t.Errorf("the desk lists as unreadable %v, want %v", got, want)
	}
	if c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: kept})); c.GetUnreadable() {
		t.Errorf("of before the backup: %v", c)
	}
	nothing := func(who suitetest.Person, names ...string) {
		t.Helper()
		missing := asks(t, s.Complaint(who.Key), "complaints/none", p.officer.Name)
		for _, name := range names {
			for method, got := range asks(t, s.Complaint(who.Key), name, p.officer.Name) {
				if got != missing[method] {
					t.Errorf("whom it may be about asks to %s: %q, and of a missing one %q", method, got, missing[method])
				}
			}
		}
	}
	for _, who := range []suitetest.Person{former, elsewhere, p.schoolLeader, p.stranger} {
		nothing(who, fresh, accepted)
	}
	nothing(p.cityOfficer, fresh, accepted)
	closed := func(c complaintv1.ComplaintServiceClient, name, by string) {
		t.Helper()
		refused[*complaintv1.Complaint](t, complaint.ErrContentMissing)(c.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
		is := suitetest.OK[*complaintv1.Complaint](t)(c.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
		if is.GetState() != complaintv1.Complaint_STATE_CLOSED || is.GetClosedBy() != by || !is.GetUnreadable() {
			t.Errorf("closed: %v", is)
		}
		refused[*complaintv1.Complaint](t, complaint.ErrIllegalMove)(c.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
	}
	closed(desk, fresh, p.officer.Name)
	closed(desk, accepted, p.officer.Name)
	refused[*complaintv1.Complaint](t, complaint.ErrIllegalMove)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: kept}))
	if c := suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: open.GetName()})); !c.GetUnreadable() || c.GetState() != complaintv1.Complaint_STATE_ACCEPTED {
		t.Errorf("an open one that lost its text: %v", c)
	}

	on := *p
	on.Suite = s
	on.post(p.officer, serves(p.district), serves(p.school))
	nothing(p.officer, higher)
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: higher}))
	if got := unreadable(above); !slices.Contains(got, higher) {
		t.Errorf("above are listed as unreadable %v", got)
	}
	closed(above, higher, p.cityOfficer.Name)
	verifier := verifierOf(t, s)
	s.Stop()
	agree(t, s.Store("complaint"), verifier)
}
