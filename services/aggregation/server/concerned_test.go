package server_test

import (
	"strings"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// A worklist names an open complaint that awaits its desk to nobody who belongs to the unit
// that it is about, or to the one that this was merged into, whatever they hold at the desk:
// for them it does not exist. Once it is assigned to their unit, it
// awaits them.
func TestAWorklistNamesNoComplaintToWhoItIsAbout(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	heir := s.Unit("s3", s.district, organizationv1.Unit_KIND_SCHOOL)
	officer := s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	both := func(unit string) suitetest.Person {
		p := s.Person(unit, accessv1.Role_ROLE_CLERK)
		s.Grant(p.Name, s.district, accessv1.Role_ROLE_LEADER)
		s.Grant(p.Name, s.Root, accessv1.Role_ROLE_LEADER)
		return p
	}
	about, after, apart := both(s.school), both(heir), both(s.other)
	filed := suitetest.OK[*complaintv1.CreateComplaintResponse](t)(s.Complaint(officer.Key).CreateComplaint(ctx, &complaintv1.CreateComplaintRequest{
		Intake: s.district, Complaint: &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_COMPLAINT, Channel: complaintv1.Complaint_CHANNEL_VISIT, Unit: s.school, Text: "内容"},
	}))
	name := filed.GetComplaint().GetName()

	s.named("before it is decided", name, decide, map[string]bool{officer.Key: true, apart.Key: true, after.Key: true, about.Key: false})
	suitetest.OK[*organizationv1.Unit](t)(s.Organization(s.SystemAdmin).MergeUnit(ctx, &organizationv1.MergeUnitRequest{Name: s.school, Into: heir}))
	s.named("once it was merged", name, decide, map[string]bool{officer.Key: true, apart.Key: true, after.Key: false, about.Key: false})
	suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(officer.Key).AcceptComplaint(ctx, &complaintv1.AcceptComplaintRequest{Name: name}))
	s.named("once accepted", name, assign, map[string]bool{officer.Key: true, apart.Key: true, after.Key: false})
	suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(officer.Key).AssignComplaint(ctx, &complaintv1.AssignComplaintRequest{Name: name, To: &complaintv1.AssignComplaintRequest_Unit{Unit: heir}}))
	s.settled()
	for _, item := range s.worklist(after.Key, &aggregationv1.ListWorkItemsRequest{Parent: heir}) {
		if item.GetSubject() != name || item.GetAction() != aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT {
			t.Errorf("the unit is asked for %v", item)
		}
	}
	suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(after.Key).ReplyComplaint(ctx, &complaintv1.ReplyComplaintRequest{Name: name, Text: "已核实"}))
	s.named("once answered", name, aggregationv1.WorkItem_ACTION_CLOSE_COMPLAINT, map[string]bool{officer.Key: true, after.Key: false})
}

const (
	decide = aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT
	assign = aggregationv1.WorkItem_ACTION_ASSIGN_COMPLAINT
)

// named holds the lists of the district and the file against who is to find the complaint
// there, by key; nobody is told in them which unit it is about.
func (s *scene) named(when, name string, action aggregationv1.WorkItem_Action, want map[string]bool) {
	s.T.Helper()
	s.settled()
	for key, shown := range want {
		for _, parent := range []string{s.district, "units/-"} {
			found := false
			for _, item := range s.worklist(key, &aggregationv1.ListWorkItemsRequest{Parent: parent}) {
				found = found || item.GetSubject() == name && item.GetAction() == action
				if item.GetConcerned() != "" {
					s.T.Errorf("%s, %s tells %v", when, parent, item)
				}
			}
			if found != shown {
				s.T.Errorf("%s, %s names the complaint: %v, want %v", when, parent, found, shown)
			}
		}
		found := s.worklist(key, &aggregationv1.ListWorkItemsRequest{Parent: s.district, Filter: `concerned = "` + s.school + `"`})
		file, err := s.Aggregation(key).ExportWorkItems(s.T.Context(), &aggregationv1.ExportWorkItemsRequest{Parent: s.district, Format: aggregationv1.ExportStatusRequest_FORMAT_CSV})
		if err != nil || strings.Contains(string(file.GetData()), name) != shown || len(found) > 0 {
			s.T.Errorf("%s, a file names the complaint: %v, want %v, %v; a filter finds %v", when, !shown, shown, err, found)
		}
	}
}
