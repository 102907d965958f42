package server_test

import (
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// An enquiry that nobody accepts is late from the day after it had to be answered, as its
// pack sets no other limit: it is counted and has a red light. To accept it makes it no later.
func TestAnEnquiryThatIsIgnoredIsOverdue(t *testing.T) {
	s := newScene(t)
	above := s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER).Key
	clerk := s.Person(s.school, accessv1.Role_ROLE_CLERK).Key
	filed := suitetest.OK[*complaintv1.CreateComplaintResponse](t)(s.Complaint(clerk).CreateComplaint(t.Context(), &complaintv1.CreateComplaintRequest{
		Intake: s.school, Complaint: &complaintv1.Complaint{
			Type: complaintv1.Complaint_TYPE_ENQUIRY, Channel: complaintv1.Complaint_CHANNEL_VISIT, Unit: s.school, Category: "收费", Text: "演示",
		},
	})).GetComplaint()
	due, err := time.Parse(time.DateOnly, filed.GetFinishDue().GetDate())
	if err != nil || filed.GetDecideDue() != nil {
		t.Fatalf("filed: %v", filed)
	}
	is := func(when string, overdue int64, light aggregationv1.WorkItem_Light) {
		t.Helper()
		s.recounted()
		if got := figure(s.status(clerk, s.school, nil).GetFigures(), "complaints_overdue").GetValue(); got != overdue {
			t.Errorf("%s %d are overdue, want %d", when, got, overdue)
		}
		for key, list := range map[string]*aggregationv1.ListWorkItemsRequest{clerk: {Parent: s.school}, above: {Parent: s.district, Beneath: true}} {
			items := s.worklist(key, list)
			if len(items) != 1 || items[0].GetLight() != light || items[0].GetDueDate() != due.Format(time.DateOnly) {
				t.Errorf("%s the list of %s has %v, want %v by %s", when, list.GetParent(), items, light, due.Format(time.DateOnly))
			}
		}
	}
	s.SetTime(due.Add(time.Hour))
	is("on the last day", 0, aggregationv1.WorkItem_LIGHT_YELLOW)
	s.SetTime(due.AddDate(0, 0, 1))
	is("a day later", 1, aggregationv1.WorkItem_LIGHT_RED)
	suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(clerk).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: filed.GetName()}))
	is("once it was accepted", 1, aggregationv1.WorkItem_LIGHT_RED)
}
