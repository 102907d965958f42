package server_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
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

// What is owed for a period goes by what a unit was in it: a label that is taken off
// reaches back no more than one that is set.
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
	awaited := []string{"2026-04-07", "2026-05-06", "2026-06-05"}
	want("when it was taken off in May", []string{"2026-03", "2026-04", "2026-05"}, awaited)
	s.SetTime(on(7, 2))
	label(on(7, 2), map[string]string{"reports": "forms"})
	want("when it was set again in July", []string{"2026-03", "2026-04", "2026-05"}, awaited)
}

// forms is a unit that reports by forms since now.
func (s *scene) forms(unit string, yes bool) {
	s.T.Helper()
	is := &organizationv1.Unit{Name: unit}
	if yes {
		is.Labels = map[string]string{"reports": "forms"}
	}
	_, err := s.Organization(s.SystemAdmin).UpdateUnit(s.T.Context(), &organizationv1.UpdateUnitRequest{
		Unit: is, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels"}},
	})
	if err != nil {
		s.T.Fatal(err)
	}
	s.CatchUp()
}

// dueFor are the months of the first half of 2026 for which a unit owes a report.
func (s *scene) dueFor(unit string) (periods []string) {
	s.T.Helper()
	for _, period := range []string{"2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"} {
		list, err := s.Aggregation(s.reviewer.Key).ListReportDues(s.T.Context(), &aggregationv1.ListReportDuesRequest{
			Parent: "reportForms/ledger-monthly", Unit: unit, Period: period, Filter: `name = "` + unit + `"`,
		})
		if err != nil {
			s.T.Fatal(err)
		}
		if len(list.GetReportDues()) > 0 {
			periods = append(periods, period)
		}
	}
	return periods
}

// Who takes the label off for the minute in which a month ends owes that month all the
// same, and so does who has it for that minute alone.
func TestOneMinuteRidsNobody(t *testing.T) {
	s := newScene(t)
	midnight := func(month time.Month) time.Time {
		return time.Date(2026, month, 1, 0, 0, 0, 0, calendar.On(time.Time{}).Start().Location())
	}
	s.SetTime(midnight(3).Add(24 * time.Hour))
	s.forms(s.district, true)
	s.SetTime(midnight(4).Add(-30 * time.Second))
	s.forms(s.district, false)
	s.forms(s.school, true)
	s.SetTime(midnight(4).Add(30 * time.Second))
	s.forms(s.district, true)
	s.SetTime(midnight(4).Add(time.Minute))
	s.forms(s.school, false)
	s.SetTime(midnight(5).Add(-30 * time.Second))
	s.forms(s.district, false)
	s.SetTime(midnight(7).Add(24 * time.Hour))
	for unit, want := range map[string][]string{s.district: {"2026-03", "2026-04"}, s.school: {"2026-03", "2026-04"}, s.other: nil} {
		if got := s.dueFor(unit); !slices.Equal(got, want) {
			t.Errorf("%s owes reports for %v, want %v", unit, got, want)
		}
	}
	if got, _ := s.owed(s.machine.Key, s.district, false); !slices.Equal(got, []string{"2026-04-07", "2026-05-06"}) {
		t.Errorf("awaited by %v", got)
	}
	for unit, want := range map[string][]string{
		s.Root:   {s.district + " 2026-03", s.school + " 2026-03", s.district + " 2026-04", s.school + " 2026-04"},
		s.school: {s.school + " 2026-03", s.school + " 2026-04"},
	} {
		var got []string
		missing := s.status(s.reviewer.Key, unit, nil).GetMissing()
		for _, r := range missing.GetReports() {
			got = append(got, r.GetUnit()+" "+r.GetPeriod())
		}
		if !slices.Equal(got, want) || missing.GetReportsTotal() != int64(len(want)) {
			t.Errorf("%s: missing are the reports %v of %d, want %v", unit, got, missing.GetReportsTotal(), want)
		}
	}
	march := &aggregationv1.Cut{AsOf: timestamppb.New(midnight(3))}
	if m := s.status(s.reviewer.Key, s.Root, march).GetMissing(); m.GetReportsTotal() != 0 {
		t.Errorf("as of a past moment: %v", m)
	}
}

// A unit owes since the month in which it was opened. One that is archived or merged
// owes what was due before, and nothing that was due later: nobody is left to send it.
func TestWhoIsGoneOwesWhatWasDue(t *testing.T) {
	s := newScene(t)
	on := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, time.UTC) }
	org := s.Organization(s.SystemAdmin)
	s.SetTime(on(2, 27))
	young := s.Unit("young", s.district, organizationv1.Unit_KIND_SCHOOL)
	for _, unit := range []string{young, s.school, s.other} {
		s.forms(unit, true)
	}
	asked := func(when string, want map[string]int) {
		t.Helper()
		got := map[string]int{}
		for _, item := range s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.district, Beneath: true, Filter: "action = SUBMIT_REPORT"}) {
			got[item.GetUnit()+" "+item.GetDueDate()]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("asked for %s (-want +got):\n%s", when, diff)
		}
	}
	gone := map[string]int{young + " 2026-03-05": 1, young + " 2026-04-07": 1, s.school + " 2026-03-05": 1, s.other + " 2026-03-05": 1}
	all := maps.Clone(gone)
	all[s.school+" 2026-04-07"], all[s.other+" 2026-04-07"] = 1, 1
	s.SetTime(on(4, 7)) // the day on which March is due
	asked("before", all)
	if _, err := org.ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: s.school}); err != nil {
		t.Fatal(err)
	}
	if _, err := org.MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: s.other, Into: young}); err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	asked("on the same day", gone)
	s.SetTime(on(4, 20))
	for unit, want := range map[string][]string{young: {"2026-02", "2026-03", "2026-04", "2026-05", "2026-06"}, s.school: {"2026-02"}, s.other: {"2026-02"}} {
		if got := s.dueFor(unit); !slices.Equal(got, want) {
			t.Errorf("%s owes reports for %v, want %v", unit, got, want)
		}
	}
	asked("later", gone)
}

// What a superior has granted, a nearer one does not cut short.
func TestLeaveFromAboveStands(t *testing.T) {
	s := newScene(t)
	give := func(key, until string) (*aggregationv1.ReportLeave, error) {
		return s.Aggregation(key).CreateReportLeave(t.Context(), &aggregationv1.CreateReportLeaveRequest{ReportLeave: &aggregationv1.ReportLeave{
			Unit: s.school, Form: "reportForms/ledger-monthly", Period: "2025-06", UntilDate: until, Reason: "系统故障",
		}})
	}
	for _, c := range []struct {
		key, until, giver string // giver: "" if it is refused
	}{
		{s.eye.Key, "2026-12-31", s.district},
		{s.eye.Key, "2026-09-02", s.district}, // their own
		{s.reviewer.Key, "2026-10-31", s.Root},
		{s.eye.Key, "2026-10-30", ""},
		{s.eye.Key, "2026-11-30", s.Root}, // later
		{s.eye.Key, "2026-11-29", ""},
		{s.reviewer.Key, "2026-10-15", s.Root},
	} {
		switch l, err := give(c.key, c.until); {
		case c.giver == "" && !errors.Is(err, reports.ErrLeaveFixed):
			t.Errorf("until %s = %v, %v", c.until, l, err)
		case c.giver != "" && (err != nil || l.GetGiverUnit() != c.giver || l.GetUntilDate() != c.until):
			t.Errorf("until %s = %v, %v, want it from %s", c.until, l, err, c.giver)
		}
	}
}
