package services_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

const (
	ledgers    = "reportForms/ledger-monthly"
	complaints = "reportForms/complaints-monthly"
)

// owing are a province and a city, one of whose districts owes it two reports for a month.
type owing struct {
	*bureaus
	reviewer string
	period   string    // the month in which the district was entered
	now      time.Time // when it is late
}

func newOwing(t *testing.T) *owing {
	o := &owing{bureaus: newBureaus(t)}
	o.reviewer = o.province.Person(o.province.Root, accessv1.Role_ROLE_SUPERVISOR).Key
	u := must(o.city.Organization(o.city.SystemAdmin).CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{UnitId: "510210", Unit: &organizationv1.Unit{
		DisplayName: "演示区", Kind: organizationv1.Unit_KIND_DISTRICT, Parent: o.city.Root, Labels: map[string]string{"reports": "forms", "reports_complaints": "forms"},
	}}))
	o.machine = o.city.Machine(u.GetName(), accessv1.Role_ROLE_REPORTER)
	o.late(u.GetCreateTime())
	return o
}

// late lets the month go by in which a unit came to owe.
func (o *owing) late(since *timestamppb.Timestamp) {
	o.period = calendar.On(since.AsTime()).String()[:len("2006-01")]
	o.now = must(time.Parse("2006-01", o.period)).AddDate(0, 1, 25)
	for _, s := range []*seat{o.province, o.city} {
		s.SetTime(o.now)
	}
}

// report sends one of the two reports.
func (o *owing) report(t *testing.T, form string, sequence int64) string {
	t.Helper()
	return must(o.city.Aggregation(o.machine.Key).CreateReport(t.Context(), &aggregationv1.CreateReportRequest{Report: &aggregationv1.Report{
		Form: form, Unit: "units/510210", Period: o.period, Source: "eis", Sequence: sequence, NilReport: true,
	}})).GetName()
}

// says waits until a bureau says of the two reports, in this order, how they stand.
func (o *owing) says(t *testing.T, at *seat, key, unit string, want ...aggregationv1.ReportDue_State) (dues []*aggregationv1.ReportDue) {
	t.Helper()
	eventually(t, at.id+" does not say so of what is owed", func() bool {
		var got []aggregationv1.ReportDue_State
		dues = nil
		for _, form := range []string{ledgers, complaints} {
			list, err := at.Aggregation(key).ListReportDues(t.Context(), &aggregationv1.ListReportDuesRequest{Parent: form, Unit: unit, Period: o.period})
			if errors.Is(err, authz.ErrNotFound) { // a unit of below is on its way
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, due := range list.GetReportDues() {
				got, dues = append(got, due.GetState()), append(dues, due)
			}
		}
		return slices.Equal(got, want)
	})
	return dues
}

// missing are the forms of the reports that a status of the province calls missing, and how
// many it knows nothing of.
func (o *owing) missing(t *testing.T, asOf *timestamppb.Timestamp) (forms []string, unknown int64) {
	t.Helper()
	m := must(o.province.Aggregation(o.reviewer).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{
		Name: o.province.Root, Cut: &aggregationv1.Cut{AsOf: asOf},
	})).GetMissing()
	if m.ReportsUnknown == nil || int(m.GetReportsTotal()) != len(m.GetReports()) {
		t.Errorf("missing are %v", m)
	}
	for _, r := range m.GetReports() {
		forms = append(forms, r.GetSubject())
	}
	slices.Sort(forms)
	return forms, m.GetReportsUnknown()
}

// awaited are the reports in the worklist of those beneath the province.
func (o *owing) awaited(t *testing.T) (subjects []string) {
	t.Helper()
	list := must(o.province.Aggregation(o.reviewer).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{
		Parent: o.province.Root, Beneath: true, Filter: "action = SUBMIT_REPORT",
	}))
	for _, item := range list.GetWorkItems() {
		subjects = append(subjects, item.GetSubject())
	}
	return subjects
}

// TestWhatIsOwedBelowIsKnownAbove: above a border is known what units below owe by forms and
// whether it has come, and nothing is called missing of which that is not known.
func TestWhatIsOwedBelowIsKnownAbove(t *testing.T) {
	const overdue, submitted, accepted, returned, unknown = aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_SUBMITTED,
		aggregationv1.ReportDue_STATE_ACCEPTED, aggregationv1.ReportDue_STATE_RETURNED, aggregationv1.ReportDue_STATE_UNKNOWN
	o := newOwing(t)
	above := func(want ...aggregationv1.ReportDue_State) []*aggregationv1.ReportDue {
		t.Helper()
		return o.says(t, o.province, o.reviewer, o.province.Root, want...)
	}
	above(overdue, overdue)
	if forms, not := o.missing(t, nil); !slices.Equal(forms, []string{complaints, ledgers}) || not != 0 {
		t.Errorf("missing are %v, and %d are unknown", forms, not)
	}
	report := o.report(t, ledgers, 1)
	dues := above(submitted, overdue)
	if dues[0].GetName() != "units/510210" || dues[0].GetReport() != "installations/510200/"+report || !dues[0].GetLate() {
		t.Errorf("what has come is %v", dues[0])
	}
	o.accept(t, report)
	above(accepted, overdue)
	second := o.report(t, complaints, 2)
	above(accepted, submitted)
	must(o.city.Aggregation(o.supervisor.Key).ReturnReport(t.Context(), &aggregationv1.ReturnReportRequest{Name: second, Reason: "请核对"}))
	above(accepted, returned)
	o.urged(t)

	o.silent(t, func() {
		above(accepted, unknown)
		if forms, not := o.missing(t, nil); len(forms) != 0 || not != 1 {
			t.Errorf("of a silent city missing are %v, and %d are unknown", forms, not)
		}
		if got := o.awaited(t); len(got) != 0 {
			t.Errorf("of a silent city %v awaits", got)
		}
		eventually(t, "what was missing while the city was heard is not known", func() bool {
			forms, not := o.missing(t, timestamppb.New(o.now.Add(-time.Hour)))
			return slices.Equal(forms, []string{complaints, ledgers}) && not == 0
		})
	})
	above(accepted, returned)
	for _, s := range []*seat{o.city, o.province} {
		s.Stop()
		if err := upkeep.Recount(t.Context(), s.config()); err != nil {
			t.Errorf("%s: %v", s.id, err)
		}
	}
}

// urged: what is late below is in the worklist above, by the name of who keeps it, and
// who urges it there is heard below.
func (o *owing) urged(t *testing.T) {
	t.Helper()
	subject := complaints + "/dues/" + o.period + ".510210"
	if diff := cmp.Diff([]string{"installations/510200/" + subject}, o.awaited(t)); diff != "" {
		t.Errorf("what awaits those beneath (-want +got):\n%s", diff)
	}
	late := &aggregationv1.WorkItem{Unit: "units/510210", Subject: "installations/510200/" + subject, Action: aggregationv1.WorkItem_ACTION_SUBMIT_REPORT}
	if err := o.province.urge(o.province.viewer.Key, late); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("who may urge nobody urges: %v", err)
	}
	if err := o.province.urge(o.reviewer, late); err != nil {
		t.Fatal(err)
	}
	if err := o.province.urge(o.reviewer, late); !errors.Is(err, aggregation.ErrUrgedToday) {
		t.Errorf("urging twice a day: %v", err)
	}
	o.city.restart() // and so greets
	late.Subject = subject
	for range 2 {
		o.city.hears(t, o.supervisor.Key, late, o.province.Root)
		o.city.restart() // and is told again
	}
	if err := o.city.urge(o.supervisor.Key, late); !errors.Is(err, aggregation.ErrUrgedToday) {
		t.Errorf("urging there what was urged today: %v", err)
	}
}

func (o *seat) urge(key string, item *aggregationv1.WorkItem) error {
	_, err := o.Aggregation(key).UrgeWorkItem(o.T.Context(), &aggregationv1.UrgeWorkItemRequest{
		Name: item.GetUnit(), Subject: item.GetSubject(), Action: item.GetAction(),
	})
	return err
}

// hears waits until an item is once urged in a worklist, by right of a unit above.
func (o *seat) hears(t *testing.T, key string, item *aggregationv1.WorkItem, by string) {
	t.Helper()
	eventually(t, o.id+" does not hear of what was urged", func() bool {
		list, err := o.Aggregation(key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: item.GetUnit()})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list.GetWorkItems(), func(i *aggregationv1.WorkItem) bool {
			u := i.GetUrge()
			return i.GetSubject() == item.GetSubject() && i.GetAction() == item.GetAction() &&
				u.GetCount() == 1 && u.GetUrgingUnit() == by && u.GetUrger() == ""
		})
	})
}

// TestWhatRootsOwe: the root of an installation below may report here or there. Whether it
// has is not known while that one is silent, and it is asked here all the same.
func TestWhatRootsOwe(t *testing.T) {
	o := &owing{bureaus: &bureaus{province: open(t, "510000", organizationv1.Unit_KIND_PROVINCE, nil)}}
	o.city = open(t, "510300", organizationv1.Unit_KIND_DISTRICT, o.province)
	o.reviewer = o.province.Person(o.province.Root, accessv1.Role_ROLE_SUPERVISOR).Key
	u := must(o.province.Organization(o.province.SystemAdmin).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{
		Unit:       &organizationv1.Unit{Name: o.city.Root, Labels: map[string]string{"reports": "forms"}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels"}},
	}))
	o.late(u.GetUpdateTime())
	o.says(t, o.province, o.reviewer, o.province.Root, aggregationv1.ReportDue_STATE_OVERDUE)
	o.silent(t, func() {
		o.says(t, o.province, o.reviewer, o.province.Root, aggregationv1.ReportDue_STATE_UNKNOWN)
		subject := ledgers + "/dues/" + o.period + ".510300"
		if diff := cmp.Diff([]string{subject}, o.awaited(t)); diff != "" {
			t.Errorf("what awaits a silent root (-want +got):\n%s", diff)
		}
		item := &aggregationv1.WorkItem{Unit: o.city.Root, Subject: subject, Action: aggregationv1.WorkItem_ACTION_SUBMIT_REPORT}
		if err := o.province.urge(o.reviewer, item); err != nil {
			t.Errorf("urging a silent root: %v", err)
		}
	})
	machine := o.city.Machine(o.city.Root, accessv1.Role_ROLE_REPORTER)
	r := must(o.city.Aggregation(machine.Key).CreateReport(t.Context(), &aggregationv1.CreateReportRequest{Report: &aggregationv1.Report{
		Form: ledgers, Unit: o.city.Root, Period: o.period, Source: "eis", Sequence: 1, NilReport: true,
	}}))
	dues := o.says(t, o.province, o.reviewer, o.province.Root, aggregationv1.ReportDue_STATE_SUBMITTED)
	if got, want := dues[0].GetReport(), "installations/510300/"+r.GetName(); got != want {
		t.Errorf("it is said to have come by %s, want %s", got, want)
	}
}

// TestUrgesAreHandedOn: what a province urges at a district that pushes to a city comes
// there through the city, and no other district hears of it.
func TestUrgesAreHandedOn(t *testing.T) {
	province := open(t, "510000", organizationv1.Unit_KIND_PROVINCE, nil)
	city := open(t, "510100", organizationv1.Unit_KIND_CITY, province)
	district := open(t, "510104", organizationv1.Unit_KIND_DISTRICT, city)
	other := open(t, "510105", organizationv1.Unit_KIND_DISTRICT, city)
	late := &aggregationv1.WorkItem{Unit: district.Root, Action: aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT}
	district.file(district.Unit("510104-s1", district.Root, organizationv1.Unit_KIND_SCHOOL), complaintv1.Complaint_TYPE_COMPLAINT, 1)
	province.counts("units/510104-s1", 1)
	for _, o := range []*seat{province, city, district, other} {
		o.SetTime(suitetest.Start.AddDate(0, 2, 0))
	}
	late.Subject = must(district.Aggregation(district.clerk.Key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: district.Root})).GetWorkItems()[0].GetSubject()
	above := &aggregationv1.WorkItem{Unit: late.GetUnit(), Action: late.GetAction(), Subject: "installations/510104~510104/" + late.GetSubject()}
	leader := province.Person(province.Root, accessv1.Role_ROLE_LEADER)
	if err := province.urge(leader.Key, above); err != nil {
		t.Fatal(err)
	}
	city.restart()
	between := &aggregationv1.WorkItem{Unit: late.GetUnit(), Action: late.GetAction(), Subject: "installations/510104/" + late.GetSubject()}
	city.hears(t, city.clerk.Key, between, province.Root)
	district.restart()
	other.restart()
	district.hears(t, district.clerk.Key, late, province.Root)
	for _, c := range []struct {
		by    *seat
		below string
		want  int
	}{{province, city.Root, 1}, {city, district.Root, 1}, {city, other.Root, 0}, {district, district.Root, 0}} {
		urges := aggregationv1.NewUrgeServiceClient(c.by.Conn("federation"))
		list := must(urges.ListUrges(t.Context(), &aggregationv1.ListUrgesRequest{Unit: c.below})).GetUrges()
		if len(list) != c.want || c.want > 0 && (list[0].GetUrgingUnit() != province.Root || list[0].GetUrger() != "") {
			t.Errorf("%s is told by %s of %v", c.below, c.by.id, list)
		}
	}
}

// silent lets nothing be heard of the city.
func (o *owing) silent(t *testing.T, meanwhile func()) {
	t.Helper()
	o.city.Stop()
	set := o.province.set
	o.province.set = func(c *suite.Config) { set(c); c.Federation.Silence = time.Nanosecond }
	o.province.restart()
	meanwhile()
	o.province.set = set
	o.province.restart()
	o.city.restart()
}

// TestWhatWasReplacedBelowDidNotCome: a report that another replaced before anybody accepted
// it is nothing that has come, above as below, also as of a past moment.
func TestWhatWasReplacedBelowDidNotCome(t *testing.T) {
	o := newOwing(t)
	first := o.report(t, complaints, 1)
	second := must(o.city.Aggregation(o.machine.Key).CreateReport(t.Context(), &aggregationv1.CreateReportRequest{Report: &aggregationv1.Report{
		Form: complaints, Unit: "units/510210", Period: o.period, Source: "eis", Sequence: 2, NilReport: true, Supersedes: first,
	}})).GetName()
	must(o.city.Aggregation(o.supervisor.Key).ReturnReport(t.Context(), &aggregationv1.ReturnReportRequest{Name: second, Reason: "请核对"}))
	o.says(t, o.province, o.reviewer, o.province.Root, aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_RETURNED)
	then := timestamppb.New(o.now.Add(time.Hour))
	for _, s := range []*seat{o.province, o.city} {
		s.SetTime(o.now.AddDate(0, 0, 1))
	}
	if forms, _ := o.missing(t, then); !slices.Equal(forms, []string{complaints, ledgers}) {
		t.Errorf("missing were %v", forms)
	}
}
