package server_test

import (
	"strings"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
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

// What the desk assigned to itself (自办) awaits the desk, and is named to nobody of the unit
// that it is about either.
func TestAWorklistNamesNoComplaintThatTheDeskAnswersToWhoItIsAbout(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	officer := s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	about := s.Person(s.school, accessv1.Role_ROLE_CLERK)
	s.Grant(about.Name, s.district, accessv1.Role_ROLE_LEADER)
	filed := suitetest.OK[*complaintv1.CreateComplaintResponse](t)(s.Complaint(officer.Key).CreateComplaint(ctx, &complaintv1.CreateComplaintRequest{
		Intake: s.district, Complaint: &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_COMPLAINT, Channel: complaintv1.Complaint_CHANNEL_VISIT, Unit: s.school, Text: "内容"},
	}))
	name := filed.GetComplaint().GetName()
	suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(officer.Key).AcceptComplaint(ctx, &complaintv1.AcceptComplaintRequest{Name: name}))
	suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(officer.Key).AssignComplaint(ctx, &complaintv1.AssignComplaintRequest{Name: name, To: &complaintv1.AssignComplaintRequest_Unit{Unit: s.district}}))
	s.named("assigned to the desk", name, aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT, map[string]bool{officer.Key: true, about.Key: false})
	if _, err := s.Complaint(about.Key).ReplyComplaint(ctx, &complaintv1.ReplyComplaintRequest{Name: name, Text: "已核实"}); err == nil {
		t.Error("who it is about answers for the desk")
	}
}

// A round is to be closed, tallied and published by whoever holds the role at its owner, and
// stands in no unit that it rates: these do nothing in it but vote. Which units it rates the
// list does not say.
func TestARoundIsNotAskedOfThoseWhomItRates(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	is := suitetest.OK[*evaluationv1.Round](t)
	at := func(unit string) suitetest.Person {
		p := s.Person(unit)
		s.Grant(p.Name, s.district, accessv1.Role_ROLE_LEADER)
		return p
	}
	rated, beneath, watcher, apart := at(s.school), at(s.Unit("office", s.school, organizationv1.Unit_KIND_DEPARTMENT)), at(s.district), at(s.other)
	s.Grant(watcher.Name, s.school, accessv1.Role_ROLE_VIEWER)
	name := is(s.Evaluation(s.eye.Key).CreateRound(ctx, &evaluationv1.CreateRoundRequest{Round: &evaluationv1.Round{
		Owner: s.district, DisplayName: "行风评议", Scheme: "evaluationSchemes/conduct", Subjects: []string{s.school},
		Groups: []*evaluationv1.RaterGroup{{Code: "served", Credentials: 10}}, StartDate: "2026-02-09", EndDate: "2026-02-09",
	}})).GetName()
	is(s.Evaluation(s.eye.Key).OpenRound(ctx, &evaluationv1.OpenRoundRequest{Name: name}))
	s.SetTime(suitetest.Start.AddDate(0, 0, 1))
	asked := func(when string, action aggregationv1.WorkItem_Action) {
		t.Helper()
		s.settled()
		for who, want := range map[suitetest.Person]bool{rated: false, beneath: false, watcher: false, apart: true} {
			for parent, want := range map[string]bool{"units/-": want, s.district: true} {
				found := false
				for _, item := range s.worklist(who.Key, &aggregationv1.ListWorkItemsRequest{Parent: parent}) {
					found = found || item.GetSubject() == name && item.GetAction() == action
					if len(item.GetRated()) > 0 {
						t.Errorf("%s the list tells %v", when, item)
					}
				}
				if found != want {
					t.Errorf("%s %s in %s has the round: %v", when, who.Name, parent, found)
				}
			}
		}
	}
	asked("open,", aggregationv1.WorkItem_ACTION_CLOSE_ROUND)
	if _, err := s.Evaluation(rated.Key).CloseRound(ctx, &evaluationv1.CloseRoundRequest{Name: name}); err == nil {
		t.Error("who is rated closes")
	}
	is(s.Evaluation(apart.Key).CloseRound(ctx, &evaluationv1.CloseRoundRequest{Name: name}))
	asked("closed,", aggregationv1.WorkItem_ACTION_TALLY_ROUND)
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
