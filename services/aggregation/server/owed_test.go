package server_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

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

// What is owed for a period goes by what a unit was when the period ended: a label
// that is taken off reaches back no more than one that is set.
func TestNobodyIsRidOfWhatTheyOwe(t *testing.T) {
	s := newScene(t)
	org, mask := s.Organization(s.SystemAdmin), &fieldmaskpb.FieldMask{Paths: []string{"labels"}}
	label := func(at time.Time, labels map[string]string) {
		t.Helper()
		s.SetTime(at)
		is := &organizationv1.Unit{Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT, Labels: labels}
		if _, err := org.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: is, UpdateMask: mask}); err != nil {
			t.Fatal(err)
		}
		s.CatchUp()
	}
	dues := func() (periods []string) {
		t.Helper()
		for _, period := range []string{"2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"} {
			list, err := s.Aggregation(s.reviewer.Key).ListReportDues(t.Context(), &aggregationv1.ListReportDuesRequest{
				Parent: "reportForms/ledger-monthly", Unit: s.Root, Period: period,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.GetReportDues()) > 0 {
				periods = append(periods, period)
			}
		}
		return periods
	}
	want := func(when string, periods, awaited []string) {
		t.Helper()
		if got := dues(); !slices.Equal(got, periods) {
			t.Errorf("%s reports are due for %v, want %v", when, got, periods)
		}
		for _, parent := range []string{s.district, "units/-"} {
			if got, _ := s.owed(s.machine.Key, parent, false); !slices.Equal(got, awaited) {
				t.Errorf("%s the reports that %s awaits are due by %v, want %v", when, parent, got, awaited)
			}
		}
	}
	on := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, time.UTC) }

	label(on(3, 3), map[string]string{"reports": "forms"})
	s.SetTime(on(5, 20))
	want("with a label since March", []string{"2026-03", "2026-04", "2026-05", "2026-06"}, []string{"2026-04-07", "2026-05-06"})
	label(on(5, 20), nil)
	s.SetTime(on(6, 20))
	want("when it was taken off in May", []string{"2026-03", "2026-04"}, []string{"2026-04-07", "2026-05-06"})
	label(on(6, 25), map[string]string{"reports": "forms"})
	want("when it was set again in June", []string{"2026-03", "2026-04", "2026-06"}, []string{"2026-04-07", "2026-05-06"})
}
