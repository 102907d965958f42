package services_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// seat is an installation of a federation, with people who can work in it.
type seat struct {
	*suitetest.Suite
	id     string
	now    func() time.Time // real time; nil: the machine's
	set    func(*suite.Config)
	clerk  suitetest.Person
	viewer suitetest.Person
	// filed is how many complaints were entered, by unit.
	filed map[string]int64
}

// open starts the installation whose root has that id, under another's or alone.
func open(t *testing.T, id string, kind organizationv1.Unit_Kind, above *seat) *seat {
	t.Helper()
	return openOn(t, id, kind, above, nil)
}

// wound is a clock that a test moves. Else it moves by how often it is looked at, for no two
// greetings are of one moment.
type wound struct {
	mu sync.Mutex
	at time.Time
}

func (w *wound) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(time.Microsecond)
	return w.at
}

func (w *wound) step(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(by)
}

// openOn is open on a real time that the test hands in.
func openOn(t *testing.T, id string, kind organizationv1.Unit_Kind, above *seat, now func() time.Time) *seat {
	t.Helper()
	o := &seat{id: id, now: now, filed: map[string]int64{}}
	folder := t.TempDir()
	at := must(fleet.Vacant(id))[id] // to which restart comes back
	o.set = func(c *suite.Config) { c.Installation, c.GRPC = "edu.example/"+id, at }
	if above != nil {
		parent := suite.Parent{Address: above.GRPC, Cosigner: must(upkeep.ReadIdentity(above.config())).Cosigner, Plaintext: true}
		o.set = func(c *suite.Config) { c.Installation, c.GRPC, c.Federation.Parent = "edu.example/"+id, at, parent }
		above.Unit(id, above.Root, kind)
		in := must(upkeep.ReadIdentity(o.in(folder))).Installation
		in.DisplayName, in.Unit = "演示下级机构", "units/"+id
		must(federationv1.NewFederationServiceClient(above.As(above.SecurityAdmin)).
			CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: in}))
	}
	o.Suite = suitetest.RunOn(t, folder, o.now, o.set)
	o.InitializeAs(id, kind)
	o.clerk = o.Person(o.Root, accessv1.Role_ROLE_CLERK)
	o.Person(o.Root, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	o.viewer = o.Person(o.Root, accessv1.Role_ROLE_VIEWER)
	return o
}

func (o *seat) in(folder string) suite.Config {
	c := suite.Default()
	c.Data = folder
	o.set(&c)
	return c
}

func (o *seat) config() suite.Config { return o.in(o.Folder) }

// restart stops it and starts it again where it was reached before.
func (o *seat) restart() {
	o.Stop()
	keys := []string{o.SystemAdmin, o.SecurityAdmin, o.Auditor, o.Root}
	o.Suite = suitetest.RunOn(o.T, o.Folder, o.now, o.set)
	o.SystemAdmin, o.SecurityAdmin, o.Auditor, o.Root = keys[0], keys[1], keys[2], keys[3]
}

// file enters complaints about a unit.
func (o *seat) file(unit string, kind complaintv1.Complaint_Type, times int) {
	o.T.Helper()
	for range times {
		must(o.Complaint(o.clerk.Key).CreateComplaint(o.T.Context(), &complaintv1.CreateComplaintRequest{Intake: o.Root, Complaint: &complaintv1.Complaint{
			Type: kind, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: unit, Category: "食堂", Text: "演示投诉",
		}}))
	}
	if kind == complaintv1.Complaint_TYPE_COMPLAINT {
		o.filed[unit] += int64(times)
	}
}

func (o *seat) status(key, unit string) *aggregationv1.Status {
	o.T.Helper()
	return must(o.Aggregation(key).GetStatus(o.T.Context(), &aggregationv1.GetStatusRequest{Name: unit, PageSize: 200}))
}

func received(list []*aggregationv1.Figure) int64 {
	return valueOf(list, "metrics/complaints_received")
}

func valueOf(list []*aggregationv1.Figure, metric string) int64 {
	for _, f := range list {
		if f.GetMetric() == metric {
			return f.GetValue()
		}
	}
	return 0
}

// eventually waits until what a figure or a tree says is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for !so() {
		if feed.Pause(ctx, 50*time.Millisecond) != nil {
			t.Fatal(what)
		}
	}
}

func (o *seat) counts(unit string, want int64) {
	o.T.Helper()
	eventually(o.T, "the figure of "+unit+" is not what it should be", func() bool {
		s, err := o.Aggregation(o.viewer.Key).GetStatus(o.T.Context(), &aggregationv1.GetStatusRequest{Name: unit})
		if errors.Is(err, authz.ErrNotFound) { // it is on its way
			return false
		}
		if err != nil {
			o.T.Fatal(err)
		}
		return received(s.GetFigures()) == want && !s.GetProvisional()
	})
}

// federated is a province, two cities, and three districts with schools.
type federated struct {
	province, one, two *seat
	districts          []*seat
}

func newFederation(t *testing.T) *federated {
	t.Helper()
	const city, district, school = organizationv1.Unit_KIND_CITY, organizationv1.Unit_KIND_DISTRICT, organizationv1.Unit_KIND_SCHOOL
	f := &federated{province: open(t, "510000", organizationv1.Unit_KIND_PROVINCE, nil)}
	f.one, f.two = open(t, "510100", city, f.province), open(t, "510200", city, f.province)
	f.districts = []*seat{open(t, "510104", district, f.one), open(t, "510105", district, f.one), open(t, "510204", district, f.two)}
	for i, d := range f.districts {
		d.Unit(d.id+"-s1", d.Root, school)
		d.Unit(d.id+"-s2", d.Root, school)
		d.file("units/"+d.id+"-s1", complaintv1.Complaint_TYPE_COMPLAINT, 3+i)
		d.file("units/"+d.id+"-s2", complaintv1.Complaint_TYPE_COMPLAINT, 1)
	}
	f.one.file("units/510104", complaintv1.Complaint_TYPE_COMPLAINT, 2) // the city's own record about a district
	return f
}

func (f *federated) all() []*seat {
	return append([]*seat{f.province, f.one, f.two}, f.districts...)
}

// filed is how many complaints were entered anywhere.
func (f *federated) filed() (sum int64) {
	for _, o := range f.all() {
		for n := range maps.Values(o.filed) {
			sum += n
		}
	}
	return sum
}

// agree stops all and counts anew: each installation from its mirrors, and each
// that has others below from their own stores.
func (f *federated) agree(t *testing.T) {
	t.Helper()
	for _, o := range slices.Backward(f.all()) {
		o.Stop()
	}
	folders := func(list ...*seat) (paths []string) {
		for _, o := range list {
			paths = append(paths, o.Folder)
		}
		return paths
	}
	for _, o := range f.all() {
		if err := upkeep.Recount(t.Context(), o.config()); err != nil {
			t.Errorf("%s, from its mirrors: %v", o.id, err)
		}
	}
	for top, below := range map[*seat][]string{
		f.province: folders(f.all()[1:]...), f.one: folders(f.districts[:2]...), f.two: folders(f.districts[2]),
	} {
		if err := upkeep.RecountFederation(t.Context(), top.config(), below); err != nil {
			t.Errorf("%s, from the stores below: %v", top.id, err)
		}
	}
}

func TestFiguresOfAFederation(t *testing.T) {
	f := newFederation(t)
	f.province.counts(f.province.Root, f.filed())
	f.province.counts("units/510100", 11)
	f.province.counts("units/510204-s1", 5)
	f.one.counts("units/510104", 6)

	f.worklists(t)
	before := f.newest(t)
	for _, o := range f.all() {
		o.SetTime(before.AsTime().Add(2 * time.Hour))
	}

	// A school moves to another department's school, one is merged; a restart loses
	// nothing, and what came meanwhile follows.
	d := f.districts[0]
	org := d.Organization(d.SystemAdmin)
	d.Unit("510104-x", d.Root, organizationv1.Unit_KIND_SCHOOL_DISTRICT)
	must(org.MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: "units/510104-s1", Parent: "units/510104-x"}))
	must(f.districts[1].Organization(f.districts[1].SystemAdmin).MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: "units/510105-s2", Into: "units/510105-s1"}))
	f.province.counts("units/510104-x", 3)
	f.province.counts("units/510105-s1", 5)
	f.one.Stop()
	d.file("units/510104-s2", complaintv1.Complaint_TYPE_COMPLAINT, 4)
	f.one.restart()
	f.province.counts(f.province.Root, f.filed())
	f.one.counts("units/510104-s2", 5)

	// What is sealed stays below, and shows that it does.
	d.file("units/510104-s1", complaintv1.Complaint_TYPE_REPORT, 2)
	eventually(t, "nothing is marked as withheld", func() bool {
		return slices.ContainsFunc(f.province.status(f.province.viewer.Key, "units/510104").GetFreshness(), func(p *aggregationv1.Freshness) bool {
			return p.GetInstallation() == "installations/510104~510104" && p.GetService() == "complaint" && p.GetWithheld() > 0 && p.GetUnit() == "units/510104"
		})
	})
	f.province.counts(f.province.Root, f.filed()) // sealed cases are no figures
	f.past(t, before)
	f.siblings(t)
	f.agree(t)
}

// worklists: what is open below awaits the districts' own people, is seen from above
// by those who may, and can be urged once it is late.
func (f *federated) worklists(t *testing.T) {
	t.Helper()
	list := func(key, unit string, beneath bool) []*aggregationv1.WorkItem {
		return must(f.province.Aggregation(key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: unit, Beneath: beneath})).GetWorkItems()
	}
	items := list(f.province.clerk.Key, "units/510104", false)
	if len(items) != 4 {
		t.Fatalf("the district's worklist has %v", items)
	}
	for _, item := range items {
		if !strings.HasPrefix(item.GetSubject(), "installations/510104~510104/complaints/") || item.GetAction() != aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT {
			t.Errorf("what awaits the district is %v", item)
		}
	}
	if n := len(list(f.province.clerk.Key, f.province.Root, true)); int64(n) != f.filed() {
		t.Errorf("%d things await those beneath, and %d were entered", n, f.filed())
	}
	if seen := list(f.province.viewer.Key, "units/510104", false); len(seen) != 0 {
		t.Errorf("who may not read complaints sees %v", seen)
	}
	leader := f.province.Person(f.province.Root, accessv1.Role_ROLE_LEADER)
	_, err := f.province.Aggregation(leader.Key).UrgeWorkItem(t.Context(), &aggregationv1.UrgeWorkItemRequest{
		Name: "units/510104", Subject: items[0].GetSubject(), Action: items[0].GetAction(),
	})
	if !errors.Is(err, aggregation.ErrNotLate) {
		t.Errorf("urging what is not late: %v", err)
	}
}

// newest is when the newest of all that the province counts took effect.
func (f *federated) newest(t *testing.T) *timestamppb.Timestamp {
	t.Helper()
	newest := &timestamppb.Timestamp{}
	for _, part := range f.province.status(f.province.viewer.Key, f.province.Root).GetFreshness() {
		if newest.AsTime().Before(part.GetNewestEffective().AsTime()) {
			newest = part.GetNewestEffective()
		}
	}
	return newest
}

// past: as known before the school moved, it counted in the district alone; by
// today's tree it counts where it lies now.
func (f *federated) past(t *testing.T, before *timestamppb.Timestamp) {
	t.Helper()
	for tree, want := range map[aggregationv1.Tree]map[string]int64{
		aggregationv1.Tree_TREE_THEN: {f.province.Root: 17, "units/510104": 6, "units/510104-x": 0, "units/510104-s1": 3},
		aggregationv1.Tree_TREE_NOW:  {f.province.Root: 17, "units/510104": 6, "units/510104-x": 3, "units/510104-s1": 3},
	} {
		for unit, n := range want {
			s := must(f.province.Aggregation(f.province.viewer.Key).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{
				Name: unit, Cut: &aggregationv1.Cut{AsOf: before, TreeAsOf: tree},
			}))
			if got := received(s.GetFigures()); got != n {
				t.Errorf("%s as of then, by %s: %d, want %d", unit, tree, got, n)
			}
		}
	}
}

// siblings know nothing of one another, and sources of one are not shown with
// the figures of the other.
func (f *federated) siblings(t *testing.T) {
	t.Helper()
	d := f.districts[0]
	for _, unit := range []string{"units/510105", "units/510204-s1", "units/510200", "units/510100"} {
		_, err := d.Organization(d.SystemAdmin).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: unit})
		if !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("a district that asks for %s: %v", unit, err)
		}
	}
	for _, part := range f.province.status(f.province.viewer.Key, "units/510200").GetFreshness() {
		if part.GetInstallation() == "installations/510100" || part.GetInstallation() == "installations/510104~510104" {
			t.Errorf("the other city's status names %v", part)
		}
	}
}

// bureaus are a province and a city whose district reports from a system of its own.
type bureaus struct {
	province, city      *seat
	school              string
	machine, supervisor suitetest.Person
}

func newBureaus(t *testing.T) *bureaus {
	r := &bureaus{province: open(t, "510000", organizationv1.Unit_KIND_PROVINCE, nil)}
	r.city = open(t, "510200", organizationv1.Unit_KIND_CITY, r.province)
	district := r.city.Unit("510209", r.city.Root, organizationv1.Unit_KIND_DISTRICT)
	r.school = r.city.Unit("510209-s1", district, organizationv1.Unit_KIND_SCHOOL)
	r.machine, r.supervisor = r.city.Machine(district, accessv1.Role_ROLE_REPORTER), r.city.Person(r.city.Root, accessv1.Role_ROLE_SUPERVISOR)
	return r
}

func (r *bureaus) send(t *testing.T, sequence, found int64, period string) string {
	t.Helper()
	return must(r.city.Aggregation(r.machine.Key).CreateReport(t.Context(), &aggregationv1.CreateReportRequest{Report: &aggregationv1.Report{
		Form: "reportForms/ledger-monthly", Unit: "units/510209", Period: period, Source: "eis", Sequence: sequence,
		Rows: []*aggregationv1.Report_Row{{Unit: r.school, Field: "found", Value: found}},
	}})).GetName()
}

func (r *bureaus) accept(t *testing.T, report string) {
	t.Helper()
	must(r.city.Aggregation(r.supervisor.Key).AcceptReport(t.Context(), &aggregationv1.AcceptReportRequest{Name: report}))
}

// above waits until the province says of the school what is wanted.
func (r *bureaus) above(t *testing.T, so func(*aggregationv1.Status) bool) {
	t.Helper()
	eventually(t, "the province does not say so of the school", func() bool {
		s, err := r.province.Aggregation(r.province.viewer.Key).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: r.school})
		return err == nil && so(s)
	})
}

// reportsOf says how much is counted of what the installation below tells of reports.
func reportsOf(s *aggregationv1.Status) *aggregationv1.Freshness {
	for _, f := range s.GetFreshness() {
		if f.GetInstallation() != "" && f.GetService() == "aggregation" {
			return f
		}
	}
	return nil
}

// TestReportsBelowCountAbove: what a district's own system reports to its city, counts in
// the province once the city has accepted it, and no sooner.
func TestReportsBelowCountAbove(t *testing.T) {
	r := newBureaus(t)
	r.send(t, 1, 7, "2025-12")
	r.accept(t, r.send(t, 2, 8, "2026-01"))
	r.above(t, func(s *aggregationv1.Status) bool {
		return valueOf(s.GetFigures(), problemsFound) == 8 && !s.GetProvisional()
	})
	for _, o := range []*seat{r.city, r.province} {
		o.Stop()
		if err := upkeep.Recount(t.Context(), o.config()); err != nil {
			t.Errorf("%s: %v", o.id, err)
		}
	}
}

// TestWhatCannotBeCountedBelowStopsNobody: a log from below that goes on as none can waits,
// and shows that it does. All else is counted.
func TestWhatCannotBeCountedBelowStopsNobody(t *testing.T) {
	r := newBureaus(t)
	report := r.send(t, 1, 7, "2026-01")
	r.above(t, func(s *aggregationv1.Status) bool { return reportsOf(s).GetCursor() > 0 && !s.GetProvisional() })
	r.province.Stop()
	db := must(bbolt.Open(filepath.Join(r.province.Folder, "aggregation.db"), 0o600, nil))
	err := db.Update(func(tx *bbolt.Tx) error { // as if the page were of a report that was never sent
		of := tx.Bucket([]byte("figures.reports"))
		return of.ForEach(func(k, _ []byte) error { return of.Delete(k) })
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	r.province.restart()
	r.accept(t, report)
	r.above(t, func(s *aggregationv1.Status) bool { return reportsOf(s).GetCursor() < reportsOf(s).GetSize() })
	r.city.file(r.school, complaintv1.Complaint_TYPE_COMPLAINT, 3)
	r.above(t, func(s *aggregationv1.Status) bool {
		return received(s.GetFigures()) == 3 && valueOf(s.GetFigures(), problemsFound) == 0
	})
}

func TestRemoteUnitsAreReadAndNotWritten(t *testing.T) {
	f := newFederation(t)
	school := "units/510104-s1"
	org := f.province.Organization(f.province.SystemAdmin)
	var u *organizationv1.Unit
	eventually(t, school+" is not in the province's tree", func() (ok bool) {
		var err error
		u, err = org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: school})
		return err == nil
	})
	if u.GetInstallation() != "installations/510104~510104" || u.GetParent() != "units/510104" {
		t.Errorf("the school as the province sees it: %v", u)
	}
	var list []*organizationv1.Unit
	eventually(t, "the district's units are not all there", func() bool {
		list = must(org.ListUnits(t.Context(), &organizationv1.ListUnitsRequest{Ancestor: "units/510104"})).GetUnits()
		return len(list) == 3
	})
	if list[0].GetInstallation() != "installations/510100" {
		t.Errorf("under the district are %v", list)
	}
	bound := must(f.one.Organization(f.one.SystemAdmin).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: "units/510104"}))
	if bound.GetInstallation() != "installations/510104" {
		t.Errorf("the city does not say what keeps the district: %v", bound)
	}
	person := f.province.Person(f.province.Root)
	for what, err := range map[string]error{
		"a unit beneath":    second(org.CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{Unit: &organizationv1.Unit{DisplayName: "x", Kind: organizationv1.Unit_KIND_DEPARTMENT, Parent: school}})),
		"a unit at a root":  second(org.CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{Unit: &organizationv1.Unit{DisplayName: "x", Kind: organizationv1.Unit_KIND_SCHOOL, Parent: "units/510100"}})),
		"a member":          second(org.CreateMember(t.Context(), &organizationv1.CreateMemberRequest{Parent: school, Member: &organizationv1.Member{DisplayName: "x"}})),
		"its name":          second(org.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: &organizationv1.Unit{Name: school, DisplayName: "x"}})),
		"its place":         second(org.MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: school, Parent: f.province.Root})),
		"its end in others": second(org.MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: school, Into: f.province.Root})),
		"its end":           second(org.ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: school})),
		"a grant": second(f.province.Organization(f.province.SecurityAdmin).CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
			RoleGrant: &organizationv1.RoleGrant{Principal: person.Name, Role: accessv1.Role_ROLE_VIEWER, Unit: school}})),
	} {
		if !errors.Is(err, change.ErrUnitRemote) {
			t.Errorf("%s: %v, want ErrUnitRemote", what, err)
		}
	}
	// A target is a record of who sets it, wherever the unit is kept.
	setter := f.province.Aggregation(f.province.Person(f.province.Root, accessv1.Role_ROLE_LEADER).Key)
	target := must(setter.CreateTarget(t.Context(), &aggregationv1.CreateTargetRequest{Target: &aggregationv1.Target{
		Unit: school, Metric: "metrics/problems_closing_rate", StartDate: "2026-01-01", EndDate: "2026-12-31", Goal: 800,
		Direction: aggregationv1.Target_DIRECTION_AT_LEAST,
	}}))
	target.Goal = 900
	if changed, err := setter.UpdateTarget(t.Context(), &aggregationv1.UpdateTargetRequest{Target: target}); err != nil || changed.GetGoal() != 900 || changed.GetSetterUnit() != f.province.Root {
		t.Errorf("setting a target of the school's: %v, %v", changed, err)
	}
	if status := f.province.status(f.province.viewer.Key, school); len(status.GetTargets()) != 1 || status.GetTargets()[0].GetTarget().GetGoal() != 900 {
		t.Errorf("the province's status of the school shows %v", status.GetTargets())
	}
	// A right in the child is none here.
	if held := f.province.Process.Tree.Grants(f.districts[0].viewer.Name); len(held) != 0 {
		t.Errorf("a person of a district holds %v in the province", held)
	}
}

// TestUnitsThatAreTakenAreRefused: a district that claims what exists elsewhere
// gets no place for it and what it says of it does not count; the rest goes on.
func TestUnitsThatAreTakenAreRefused(t *testing.T) {
	f := newFederation(t)
	f.province.counts(f.province.Root, f.filed())
	liar := f.districts[2]
	stolen := "units/510104-s1" // the other city's
	liar.Unit("510104-s1", liar.Root, organizationv1.Unit_KIND_SCHOOL)
	before := f.filed()
	liar.file(stolen, complaintv1.Complaint_TYPE_COMPLAINT, 7)
	liar.Unit("510204-s3", liar.Root, organizationv1.Unit_KIND_SCHOOL)
	liar.file("units/510204-s3", complaintv1.Complaint_TYPE_COMPLAINT, 2)
	f.province.counts("units/510204-s3", 2)
	f.province.counts(f.province.Root, before+2)
	f.province.counts(stolen, 3)
	mirrors := must(federationv1.NewFederationServiceClient(f.province.As(f.province.Auditor)).
		ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/510204~510204"})).GetMirrors()
	at := slices.IndexFunc(mirrors, func(m *federationv1.Mirror) bool {
		return m.GetName() == "installations/510204~510204/mirrors/organization"
	})
	if at < 0 || mirrors[at].GetRefusedCount() != 1 || mirrors[at].GetRefusedUnits()[0].GetReason() != federationv1.RefusedUnit_REASON_TAKEN {
		t.Errorf("what was refused is not shown: %v", mirrors)
	}
	for _, o := range []*seat{f.province} {
		o.Stop()
		if err := upkeep.Recount(t.Context(), o.config()); err != nil {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestADistrictGoesOverToAnotherCity: what it had counted counts on, beneath the other city since
// it lies there, and nothing of it twice.
func TestADistrictGoesOverToAnotherCity(t *testing.T) {
	f := newFederation(t)
	d, school := f.districts[0], "units/510104-s1"
	f.province.counts(f.province.Root, f.filed())
	f.province.counts(f.one.Root, 11)
	d.Stop()
	enrolled := func(o *seat) federationv1.FederationServiceClient {
		return federationv1.NewFederationServiceClient(o.As(o.SecurityAdmin))
	}
	must(enrolled(f.one).RevokeInstallation(t.Context(), &federationv1.RevokeInstallationRequest{Name: "installations/510104", Reason: "划入他市"}))
	given := f.one.size("federation")
	eventually(t, "that it was given up is not known above", func() bool { return f.province.size("510100.federation") >= given })
	f.two.Unit("510104", f.two.Root, organizationv1.Unit_KIND_DISTRICT)
	in := must(upkeep.ReadIdentity(d.config())).Installation
	in.DisplayName, in.Unit = "演示下级机构", d.Root
	must(enrolled(f.two).CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: in}))
	cosigner := must(upkeep.ReadIdentity(f.two.config())).Cosigner
	set := d.set
	d.set = func(c *suite.Config) {
		set(c)
		c.Federation.Parent = suite.Parent{Address: f.two.GRPC, Cosigner: cosigner, Plaintext: true}
	}
	d.restart()
	d.file(school, complaintv1.Complaint_TYPE_COMPLAINT, 4)
	f.two.counts(school, 7)
	f.province.counts(school, 7)
	f.province.counts(f.province.Root, f.filed())
	f.province.counts(f.two.Root, 16)
	mirrors := must(federationv1.NewFederationServiceClient(f.province.As(f.province.Auditor)).
		ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/510104~510104"})).GetMirrors()
	for _, m := range mirrors {
		if m.GetVia() != "installations/510200" || m.GetState() != federationv1.Mirror_STATE_ACTIVE || m.GetRefusedCount() > 0 {
			t.Errorf("it is mirrored as %v", m)
		}
	}
	for _, o := range slices.Backward(f.all()) {
		o.Stop()
	}
	for _, o := range []*seat{f.province, f.one, f.two} {
		if err := upkeep.Recount(t.Context(), o.config()); err != nil {
			t.Errorf("%s, from its mirrors: %v", o.id, err)
		}
	}
	for _, below := range [][]*seat{{f.one, f.two, d, f.districts[1], f.districts[2]}, {f.districts[2], f.districts[1], d, f.two, f.one}} {
		var folders []string
		for _, o := range below {
			folders = append(folders, o.Folder)
		}
		if err := upkeep.RecountFederation(t.Context(), f.province.config(), folders); err != nil {
			t.Errorf("the province, from the stores below: %v", err)
		}
	}
	for city, folder := range map[*seat]string{f.one: f.districts[1].Folder, f.two: f.districts[2].Folder} {
		if err := upkeep.RecountFederation(t.Context(), city.config(), []string{folder, d.Folder}); err != nil {
			t.Errorf("%s, from the stores below: %v", city.id, err)
		}
	}
}

// size is how many entries a feed has.
func (o *seat) size(name string) uint64 {
	o.T.Helper()
	cp, err := feedv1.NewFeedServiceClient(o.As(o.Auditor)).GetCheckpoint(o.T.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/" + name})
	if err != nil {
		return 0
	}
	return cp.GetSize()
}
