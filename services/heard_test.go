package services_test

import (
	"slices"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// twoDeep are a province, a city and two of its districts, each an installation of its own, by
// one clock. A school in each district owes a report that is late.
type twoDeep struct {
	*owing
	clock     *wound
	districts []*seat
}

func newTwoDeep(t *testing.T) *twoDeep {
	w := &twoDeep{clock: &wound{at: suitetest.Start}, owing: &owing{bureaus: &bureaus{}}}
	w.province = openOn(t, "510000", organizationv1.Unit_KIND_PROVINCE, nil, w.clock.now)
	w.city = openOn(t, "510100", organizationv1.Unit_KIND_CITY, w.province, w.clock.now)
	for _, id := range []string{"510104", "510105"} {
		d := openOn(t, id, organizationv1.Unit_KIND_DISTRICT, w.city, w.clock.now)
		u := must(d.Organization(d.SystemAdmin).CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{UnitId: id + "-s1", Unit: &organizationv1.Unit{
			DisplayName: "演示学校", Kind: organizationv1.Unit_KIND_SCHOOL, Parent: d.Root, Labels: map[string]string{"reports": "forms"},
		}}))
		d.file(u.GetName(), complaintv1.Complaint_TYPE_COMPLAINT, 3)
		w.districts = append(w.districts, d)
		w.late(u.GetCreateTime())
		d.SetTime(w.now)
	}
	w.reviewer = w.province.Person(w.province.Root, accessv1.Role_ROLE_SUPERVISOR).Key
	return w
}

// above waits until the province says so of what the schools owe, in the order of the districts.
func (w *twoDeep) above(t *testing.T, want ...aggregationv1.ReportDue_State) {
	t.Helper()
	for i, d := range w.districts {
		w.says(t, w.province, w.reviewer, d.Root, want[i])
	}
	w.says(t, w.province, w.reviewer, w.city.Root, want...)
}

// figures waits until the province says of units whether their figures are provisional, which have
// all that was ever entered; those of a silent log are not current.
func (w *twoDeep) figures(t *testing.T, silent string, provisional map[string]bool) {
	t.Helper()
	for unit, want := range provisional {
		filed := map[bool]int64{true: 3, false: 6}[unit != w.province.Root && unit != w.city.Root]
		eventually(t, "the province does not say so of "+unit, func() bool {
			s := w.province.status(w.reviewer, unit)
			figure := s.GetFigures()[slices.IndexFunc(s.GetFigures(), func(f *aggregationv1.Figure) bool { return f.GetMetric() == "metrics/complaints_received" })]
			stale := 0
			for _, f := range s.GetFreshness() {
				if f.GetSilent() != (f.GetInstallation() != "" && f.GetInstallation() == silent) || f.GetSilent() && f.GetCurrent() {
					return false
				}
				if f.GetSilent() {
					stale++
				}
			}
			return s.GetProvisional() == want && figure.GetProvisional() == want && figure.GetValue() == filed && (stale > 0) == want
		})
	}
}

// TestASilentDistrictIsUnknownAtTheTop: the city goes on, and says that it has not heard of one of
// its districts. The province knows nothing of what that one owes, and says so of all that it is in;
// of the other district, and of the city, it knows as before.
func TestASilentDistrictIsUnknownAtTheTop(t *testing.T) {
	const overdue, unknown = aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_UNKNOWN
	w := newTwoDeep(t)
	dead, alive := w.districts[0], w.districts[1]
	counts := func(total, not int64) {
		t.Helper()
		for _, unit := range []string{w.province.Root, w.city.Root} {
			if m := w.province.status(w.reviewer, unit).GetMissing(); m.GetReportsTotal() != total || m.ReportsUnknown == nil || m.GetReportsUnknown() != not {
				t.Errorf("of %s the province says %v", unit, m)
			}
		}
		if n := len(w.awaited(t)); int64(n) != total {
			t.Errorf("%d reports are awaited, want %d", n, total)
		}
	}
	all := func(provisional bool) map[string]bool {
		return map[string]bool{w.province.Root: provisional, w.city.Root: provisional, dead.Root: provisional, "units/510104-s1": provisional, alive.Root: false, "units/510105-s1": false}
	}
	w.above(t, overdue, overdue)
	w.figures(t, "", all(false))
	counts(2, 0)

	dead.Stop()
	w.clock.step(time.Hour)
	w.again(t, true, false)
	w.above(t, unknown, overdue)
	w.figures(t, "installations/510104~510104", all(true))
	counts(1, 1)

	dead.restart()
	w.again(t, false, false)
	w.above(t, overdue, overdue)
	w.figures(t, "", all(false))
	counts(2, 0)
	for _, s := range []*seat{dead, alive, w.city, w.province} {
		s.Stop()
	}
	if err := upkeep.Recount(t.Context(), w.province.config()); err != nil {
		t.Error(err)
	}
}

// again lets the city greet once more when it has heard of its districts, as each is silent or not,
// and so say how it stands with what it relays, not a heartbeat later.
func (w *twoDeep) again(t *testing.T, silent ...bool) {
	t.Helper()
	w.province.Stop()
	w.city.restart()
	eventually(t, "the city does not hear of its districts", func() bool {
		for i, d := range w.districts {
			heard := w.city.status(w.city.viewer.Key, d.Root).GetFreshness()
			heard = slices.DeleteFunc(heard, func(f *aggregationv1.Freshness) bool { return f.GetInstallation() == "" })
			if len(heard) == 0 || slices.ContainsFunc(heard, func(f *aggregationv1.Freshness) bool { return f.GetSilent() != silent[i] }) {
				return false
			}
		}
		return true
	})
	w.province.restart()
}
