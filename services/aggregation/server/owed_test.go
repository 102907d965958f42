package server_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// owed are the due dates of the reports in a worklist, and how often each was
// urged.
func (s *scene) owed(key, parent string, beneath bool) (due []string, urged []int32) {
	s.T.Helper()
	for _, item := range s.worklist(key, &aggregationv1.ListWorkItemsRequest{Parent: parent, Beneath: beneath, Filter: "action = SUBMIT_REPORT"}) {
		if item.GetUnit() != s.district || item.GetLight() != aggregationv1.WorkItem_LIGHT_RED {
			s.T.Errorf("owed: %v", item)
		}
		due, urged = append(due, item.GetDueDate()), append(urged, item.GetUrge().GetCount())
	}
	return due, urged
}

// Who owes a report has it among what is to be done until it has come, again when
// it is returned, and no longer when it can come no more; those above see and urge
// it.
func TestOwedReportsAwaitWhoOwesThem(t *testing.T) {
	s := newScene(t)
	owes := &organizationv1.Unit{Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT, Labels: map[string]string{"reports": "forms"}}
	if _, err := s.Organization(s.SystemAdmin).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: owes}); err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	clerk := s.Person(s.district, accessv1.Role_ROLE_CLERK)
	want := func(when string, dates ...string) {
		t.Helper()
		for _, c := range []struct {
			key, parent string
			beneath     bool
		}{{s.eye.Key, s.district, false}, {s.machine.Key, "units/-", false}, {clerk.Key, "units/-", false}, {s.reviewer.Key, s.Root, true}} {
			if due, _ := s.owed(c.key, c.parent, c.beneath); !slices.Equal(due, dates) {
				t.Errorf("%s, %s has reports owed by %v, want %v", when, c.parent, due, dates)
			}
		}
	}
	want("before any period ended")
	s.SetTime(time.Date(2026, 4, 14, 1, 0, 0, 0, time.UTC))
	want("after two periods", "2026-03-05", "2026-04-07")
	if due, _ := s.owed(s.reviewer.Key, s.Root, false); len(due) > 0 {
		t.Errorf("the superior owes %v", due)
	}
	urge := func(by suitetest.Person) error {
		_, err := s.Aggregation(by.Key).UrgeWorkItem(t.Context(), &aggregationv1.UrgeWorkItemRequest{
			Name: s.district, Subject: "reportForms/ledger-monthly/dues/2026-02." + s.district[len("units/"):], Action: aggregationv1.WorkItem_ACTION_SUBMIT_REPORT,
		})
		return err
	}
	if err := urge(s.eye); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("urging oneself = %v", err)
	}
	if err := urge(s.reviewer); err != nil {
		t.Error(err)
	}
	if _, urged := s.owed(s.eye.Key, s.district, false); !slices.Equal(urged, []int32{1, 0}) {
		t.Errorf("urged %v times", urged)
	}

	r := s.report(1, row(s.school, "found", 1))
	r.Period = "2026-02"
	r = s.sent(r)
	want("when one has come", "2026-04-07")
	if err := urge(s.reviewer); !errors.Is(err, aggregation.ErrNotAwaited) {
		t.Errorf("urging what has come = %v", err)
	}
	if _, err := s.Aggregation(s.reviewer.Key).ReturnReport(t.Context(), &aggregationv1.ReturnReportRequest{Name: r.GetName(), Reason: "请核对"}); err != nil {
		t.Fatal(err)
	}
	want("when it was returned", "2026-03-05", "2026-04-07")

	s.SetTime(time.Date(2026, 7, 9, 1, 0, 0, 0, time.UTC)) // the late window of March is closed
	want("when one is missing", "2026-03-05", "2026-05-06", "2026-06-05", "2026-07-06")
	leave := &aggregationv1.ReportLeave{Unit: s.district, Form: "reportForms/ledger-monthly", Period: "2026-03", UntilDate: "2026-07-20", Reason: "系统故障"}
	if _, err := s.Aggregation(s.reviewer.Key).CreateReportLeave(t.Context(), &aggregationv1.CreateReportLeaveRequest{ReportLeave: leave}); err != nil {
		t.Fatal(err)
	}
	want("with leave", "2026-03-05", "2026-04-07", "2026-05-06", "2026-06-05", "2026-07-06")
}
