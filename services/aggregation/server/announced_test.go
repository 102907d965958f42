package server_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
	"github.com/duban-project/duban/services/rectification"
)

// invented is a calendar that has 2027 begin with eight days off, which no notice says.
func invented(t *testing.T) *calendar.Calendar {
	return suitetest.OK[*calendar.Calendar](t)(calendar.Parse([]byte(strings.Join([]string{
		"kind,from,to,name",
		"year,2026-01-01,2026-12-31,测试", "holiday,2026-10-01,2026-10-07,国庆节",
		"year,2027-01-01,2027-12-31,测试", "holiday,2027-01-01,2027-01-08,元旦",
	}, "\n"))))
}

// reopened is the scene in another process that knows the days.
func (s *scene) reopened(days *calendar.Calendar) *scene {
	s.Stop()
	next := *s
	next.Suite = suitetest.RunOnDays(s.T, s.Folder, days)
	next.SystemAdmin, next.SecurityAdmin, next.Auditor, next.Root = s.SystemAdmin, s.SecurityAdmin, s.Auditor, s.Root
	return &next
}

// asked are the actions and due days of what the records ask of the schools, and of the
// district above them.
func (s *scene) asked(records ...string) map[string]string {
	s.T.Helper()
	s.settled()
	asked := map[string]string{}
	for _, beneath := range []bool{true, false} {
		for _, i := range s.worklist(s.eye.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.district, Beneath: beneath}) {
			if slices.Contains(records, i.GetSubject()) {
				asked[i.GetSubject()] = strings.TrimPrefix(i.GetAction().String(), "ACTION_") + " " + i.GetDueDate()
			}
		}
	}
	return asked
}

// What was counted into a year whose holidays were not announced is counted anew by the
// first program that knows them, once: ledgers, tasks and complaints have new days, the worklist asks by
// these, nobody is late before, and feed, figures and recount agree.
func TestProvisionalDaysAreCountedAnew(t *testing.T) {
	s := newSceneOn(suitetest.RunWith(t, func(*suite.Config) {}))
	on := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 1, 0, 0, 0, time.UTC)
	}
	s.SetTime(on(2026, 3, 1))
	leader := s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key)
	s.running(leader, "2026-12-08")
	s.Recorded("rectification", "rectification.ledger.issued.v1", 1)
	given := suitetest.OK[*campaignv1.ListAssignmentsResponse](t)(leader.ListAssignments(t.Context(), &campaignv1.ListAssignmentsRequest{
		Parent: "campaigns/c", Filter: `task = "T3" AND unit = "` + s.school + `"`,
	}))
	task := given.GetAssignments()[0].GetName()

	s.SetTime(on(2026, 12, 22))
	clerk, other := s.Person(s.school, accessv1.Role_ROLE_CLERK).Key, *s
	filed, returned := rectification.LedgerName("campaigns/c", s.school), rectification.LedgerName("campaigns/c", s.other)
	s.filesNothing(clerk, filed)
	other.head = s.Person(s.other, accessv1.Role_ROLE_HEAD)
	other.filesNothing(s.Person(s.other, accessv1.Role_ROLE_CLERK).Key, returned)
	suitetest.OK[*campaignv1.Assignment](t)(s.Campaign(clerk).ReceiveAssignment(t.Context(), &campaignv1.ReceiveAssignmentRequest{Name: task}))
	suitetest.OK[*campaignv1.Assignment](t)(s.Campaign(clerk).SubmitAssignment(t.Context(), &campaignv1.SubmitAssignmentRequest{Name: task, Summary: "完成"}))
	s.SetTime(on(2026, 12, 28))
	suitetest.OK[*rectificationv1.Ledger](t)(s.Rectification(s.eye.Key).ReturnLedger(t.Context(), &rectificationv1.ReturnLedgerRequest{Name: returned, Reason: "台账为空"}))
	suitetest.OK[*campaignv1.Assignment](t)(leader.ReturnAssignment(t.Context(), &campaignv1.ReturnAssignmentRequest{Name: task, Reason: "不清"}))
	desk := s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER).Key
	officer := s.Complaint(desk)
	var cases []string
	for _, kind := range []complaintv1.Complaint_Type{complaintv1.Complaint_TYPE_ENQUIRY, complaintv1.Complaint_TYPE_REPORT} {
		c := suitetest.OK[*complaintv1.CreateComplaintResponse](t)(officer.CreateComplaint(t.Context(), &complaintv1.CreateComplaintRequest{
			Intake: s.district, Complaint: &complaintv1.Complaint{
				Type: kind, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: s.school, Category: "收费", Text: "演示",
			},
		}))
		cases = append(cases, c.GetComplaint().GetName())
	}
	want := func(when string, want map[string]string) {
		t.Helper()
		if diff := gocmp.Diff(want, s.asked(filed, returned, task)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	want("by weekends alone", map[string]string{
		filed: "ACKNOWLEDGE_LEDGER 2027-01-12", returned: "SIGN_LEDGER 2027-01-04", task: "SUBMIT_ASSIGNMENT 2027-01-04",
	})

	s = s.reopened(invented(t))
	s.Recorded("rectification", "rectification.ledger.recounted.v1", 2)
	s.Recorded("campaign", "campaign.assignment.recounted.v1", 1)
	s.Recorded("complaint", "complaint.complaint.recounted.v1", 2)
	want("by the holidays", map[string]string{
		filed: "ACKNOWLEDGE_LEDGER 2027-01-20", returned: "SIGN_LEDGER 2027-01-12", task: "SUBMIT_ASSIGNMENT 2027-01-12",
	})
	l := suitetest.OK[*rectificationv1.Ledger](t)(s.Rectification(s.eye.Key).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: returned}))
	if l.GetCorrectionDueProvisional() || l.GetCorrectionDueFromDate() != "" {
		t.Errorf("it is provisional still: %v", l)
	}
	for i, want := range []string{"2027-01-12", "2027-01-26"} { // an enquiry is answered in five working days, a report taken up in fifteen
		c := suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(desk).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: cases[i]}))
		if due := cmp.Or(c.GetFinishDue(), c.GetDecideDue()); due.GetDate() != want || due.GetProvisional() {
			t.Errorf("counted anew the %s is due %v, want %s", c.GetType(), due, want)
		}
	}
	s.recounted()

	s = s.reopened(invented(t))
	s.SetTime(on(2027, 1, 12))
	if missing := s.missingLedgers(s.other); len(missing) > 0 {
		t.Errorf("on the day itself there is missing %v", missing)
	}
	s.recounted()
	s.checked()
}

// checked stops the suite and checks its stores.
func (s *scene) checked() {
	s.T.Helper()
	s.Stop()
	c := suite.Default()
	c.Data = s.Folder
	_, err := upkeep.Fsck(s.T.Context(), c, func(role string, r fsck.Report) {
		if r.First != nil {
			s.T.Errorf("%s: %d wrong, first %+v", role, r.Wrong, r.First)
		}
	})
	if err != nil {
		s.T.Error(err)
	}
}
