package server_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// tasked has the district give the schools one task, which a nil return answers, and
// answers the names of their assignments by unit.
func (s *scene) tasked(due string) map[string]string {
	s.T.Helper()
	leader := s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key)
	schools := []organizationv1.Unit_Kind{organizationv1.Unit_KIND_SCHOOL}
	c, err := leader.CreateCampaign(s.T.Context(), &campaignv1.CreateCampaignRequest{CampaignId: "t", Campaign: &campaignv1.Campaign{
		Owner: s.district, DisplayName: "演示活动", Scope: &campaignv1.Scope{Kinds: schools},
		Phases: []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-03-01", EndDate: "2026-06-30"}},
		Tasks:  []*campaignv1.Task{{Code: "T1", Title: "一", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: due, NilReturn: true}},
	}})
	if err == nil {
		_, err = leader.PublishCampaign(s.T.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
	}
	if err != nil {
		s.T.Fatal(err)
	}
	given, err := leader.ListAssignments(s.T.Context(), &campaignv1.ListAssignmentsRequest{Parent: c.GetName()})
	if err != nil {
		s.T.Fatal(err)
	}
	names := map[string]string{}
	for _, a := range given.GetAssignments() {
		names[a.GetUnit()] = a.GetName()
	}
	return names
}

// tasks are the tasks of a unit and those beneath it that are due, submitted, submitted
// late, overdue and missing, as was known at a moment.
func (s *scene) tasks(unit string, asOf *timestamppb.Timestamp) (n [5]int64) {
	s.T.Helper()
	s.settled()
	status := s.status(s.reviewer.Key, unit, &aggregationv1.Cut{AsOf: asOf})
	for i, id := range []string{"tasks_due", "tasks_submitted", "tasks_late", "tasks_overdue"} {
		n[i] = figure(status.GetFigures(), id).GetValue()
	}
	for _, m := range status.GetMissing().GetItems() {
		if strings.Contains(m.GetSubject(), "/assignments/") {
			n[4]++
		}
	}
	return n
}

// taskItems are the actions and due days of what tasks ask of units.
func (s *scene) taskItems(parent string, beneath bool) map[string]string {
	s.T.Helper()
	asked := map[string]string{}
	for _, i := range s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: parent, Beneath: beneath}) {
		if strings.Contains(i.GetSubject(), "/assignments/") {
			asked[i.GetOwner()] = strings.TrimPrefix(i.GetAction().String(), "ACTION_") + " " + i.GetDueDate()
		}
	}
	return asked
}

// Who submits nothing on the last day and gets it back has submitted nothing: it is owed
// again by a day of its own, overdue after it, urged, and late when it comes. What was
// known before stays what it was.
func TestAReturnedTaskIsNotSubmitted(t *testing.T) {
	s := newScene(t)
	on := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, time.UTC) }
	s.SetTime(on(3, 1))
	task := s.tasked("2026-04-03")[s.school]
	clerk := s.Campaign(s.Person(s.school, accessv1.Role_ROLE_CLERK).Key)
	submits := func(summary string) {
		t.Helper()
		if _, err := clerk.SubmitAssignment(t.Context(), &campaignv1.SubmitAssignmentRequest{Name: task, Summary: summary, NilReturn: true}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, asOf *timestamppb.Timestamp, want [5]int64) {
		t.Helper()
		if got := s.tasks(s.school, asOf); got != want {
			t.Errorf("%s due, submitted, late, overdue and missing are %v, want %v", when, got, want)
		}
	}
	s.SetTime(on(4, 3))
	if _, err := clerk.ReceiveAssignment(t.Context(), &campaignv1.ReceiveAssignmentRequest{Name: task}); err != nil {
		t.Fatal(err)
	}
	want("once it is received", nil, [5]int64{1, 0, 0, 0, 0})
	submits("无")
	s.SetTime(on(4, 8))
	want("once it is submitted", nil, [5]int64{1, 1, 0, 0, 0})
	if _, err := s.Campaign(s.eye.Key).ReturnAssignment(t.Context(), &campaignv1.ReturnAssignmentRequest{Name: task, Reason: "空表"}); err != nil {
		t.Fatal(err)
	}
	want("once it is returned", nil, [5]int64{1, 0, 0, 0, 0})
	if got := s.taskItems(s.school, false); got[s.school] != "SUBMIT_ASSIGNMENT 2026-04-15" {
		t.Errorf("the school is asked for %v", got)
	}

	s.SetTime(on(4, 16))
	want("after the day of correction", nil, [5]int64{1, 0, 0, 1, 1})
	urge := &aggregationv1.UrgeWorkItemRequest{Name: s.school, Subject: task, Action: aggregationv1.WorkItem_ACTION_SUBMIT_ASSIGNMENT}
	if _, err := s.Aggregation(s.eye.Key).UrgeWorkItem(t.Context(), urge); err != nil {
		t.Error(err)
	}
	s.SetTime(on(6, 8))
	submits("已逐项核对，确无")
	want("submitted two months later", nil, [5]int64{1, 1, 1, 0, 0})
	want("as was known while it lay with the superior", timestamppb.New(on(4, 7)), [5]int64{1, 1, 0, 0, 0})
	s.recounted()
}

// A task whose unit was archived before it was due is owed by nobody and asked of
// nobody; one that was due stays overdue, in the list of who stands above.
func TestTheTaskOfAnArchivedUnitIsOwedOnlyIfItWasDue(t *testing.T) {
	s := newScene(t)
	on := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, time.UTC) }
	s.SetTime(on(3, 1))
	late := s.Unit("late", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.tasked("2026-04-05")
	for n, gone := range []struct {
		unit string
		day  time.Time
	}{{s.other, on(4, 4)}, {late, on(4, 5)}} { // before the day on which it is due, and on it
		s.SetTime(gone.day)
		if _, err := s.Organization(s.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: gone.unit}); err != nil {
			t.Fatal(err)
		}
		s.Recorded("campaign", "campaign.assignment.abandoned.v1", n+1)
	}
	s.SetTime(on(5, 20))
	for unit, want := range map[string][5]int64{s.other: {}, late: {1, 0, 0, 1, 1}, s.district: {2, 0, 0, 2, 2}} {
		if got := s.tasks(unit, nil); got != want {
			t.Errorf("%s: due, submitted, late, overdue and missing are %v, want %v", unit, got, want)
		}
	}
	asked := s.taskItems(s.district, true)
	if asked[late] != "RECEIVE_ASSIGNMENT 2026-04-05" || asked[s.school] != asked[late] || len(asked) != 2 {
		t.Errorf("asked for %v", asked)
	}
	s.recounted()
}
