package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Who knows of a case by its assignment alone folds what GET answers: where identity is
// withheld, not how it came, who took it in and whether a name was given. So it is for the
// assigned unit's own, for who stands above it after it was moved, for who only looks at the
// desk, and for who belongs to the unit and leads the desk. The desk folds it whole.
func TestWhoACaseIsAssignedToFoldsWhatItMayRead(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	officer := s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	looking, leading := s.Person(s.school, accessv1.Role_ROLE_CLERK), s.Person(s.school, accessv1.Role_ROLE_CLERK)
	s.Grant(looking.Name, s.district, accessv1.Role_ROLE_VIEWER)
	s.Grant(leading.Name, s.district, accessv1.Role_ROLE_LEADER)
	above := s.Person(next, accessv1.Role_ROLE_LEADER)
	c := s.withheld(officer.Key)

	s.foldsAsRead("the desk", officer.Key, c, true)
	s.foldsAsRead("the unit", s.clerk.Key, c, false)
	s.foldsAsRead("the unit's clerk who looks at the desk", looking.Key, c, false)
	s.foldsAsRead("the unit's clerk who leads the desk", leading.Key, c, false)

	_, err := s.Organization(s.SystemAdmin).MoveUnit(ctx, &organizationv1.MoveUnitRequest{Name: s.school, Parent: next})
	s.must(err)
	s.foldsAsRead("who stands above the unit now", above.Key, c, false)
	c, err = s.Complaint(s.clerk.Key).ReplyComplaint(ctx, &complaintv1.ReplyComplaintRequest{Name: c.GetName(), Text: "已核实"})
	s.must(err)
	s.foldsAsRead("the unit that answered", s.clerk.Key, c, false)
	c, err = s.Complaint(officer.Key).CloseComplaint(ctx, &complaintv1.CloseComplaintRequest{Name: c.GetName()})
	s.must(err)
	s.foldsAsRead("the unit of a closed case", s.clerk.Key, c, false)
	s.foldsAsRead("the desk that closed it", officer.Key, c, true)
}

// withheld is a complaint about the school by somebody who visited the district, gave a
// name and asked that it be withheld, assigned to the school.
func (s *scene) withheld(key string) *complaintv1.Complaint {
	s.T.Helper()
	officer := s.Complaint(key)
	filed, err := officer.CreateComplaint(s.T.Context(), &complaintv1.CreateComplaintRequest{
		Intake: s.district, Complainant: &complaintv1.Complainant{Name: "反映人"}, Complaint: &complaintv1.Complaint{
			Type: complaintv1.Complaint_TYPE_COMPLAINT, Channel: complaintv1.Complaint_CHANNEL_VISIT, Unit: s.school, Text: "内容", WithholdIdentity: true,
		},
	})
	s.must(err)
	c, err := officer.AcceptComplaint(s.T.Context(), &complaintv1.AcceptComplaintRequest{Name: filed.GetComplaint().GetName()})
	s.must(err)
	c, err = officer.AssignComplaint(s.T.Context(), &complaintv1.AssignComplaintRequest{Name: c.GetName(), To: &complaintv1.AssignComplaintRequest_Unit{Unit: s.school}})
	s.must(err)
	return c
}

// foldsAsRead holds the newest event of the case against what GET answers, and that
// against whether the reader is to know how it came.
func (s *scene) foldsAsRead(who, key string, c *complaintv1.Complaint, knows bool) {
	s.T.Helper()
	all, _ := s.until(key, &eventv1.ListEventsRequest{Types: []string{"complaint.*"}}, at(c.GetName(), c.GetEtag()))
	read, err := s.Complaint(key).GetComplaint(s.T.Context(), &complaintv1.GetComplaintRequest{Name: c.GetName()})
	s.must(err)
	if diff := cmp.Diff(fields(s.T, read), all[len(all)-1].GetData().AsMap()); diff != "" {
		s.T.Errorf("%s reads the case otherwise (-) than it folds (+):\n%s", who, diff)
	}
	if got := read.GetChannel() != 0 || read.GetIntake() != "" || read.GetRealName(); got != knows {
		s.T.Errorf("%s knows how the case came: %v, want %v", who, got, knows)
	}
	for _, e := range all {
		if data := e.GetData().AsMap(); !knows && (data["channel"] != "CHANNEL_UNSPECIFIED" || data["intake"] != "" || data["realName"] != false) {
			s.T.Errorf("%s is told by %s that %v", who, e.GetType(), data)
		}
	}
}
