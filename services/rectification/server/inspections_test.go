package server_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// inspection plans a visit by the bureau's supervisor.
func (w *world) inspection(t *testing.T, announced bool, targets ...string) *rectificationv1.Inspection {
	t.Helper()
	return suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.supervisor).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{
		Inspection: &rectificationv1.Inspection{
			Unit: w.bureau, Title: "作风督导检查", Plan: "方案", Announced: announced,
			Team: []string{w.supervisor.Name, w.bureauLeader.Name}, Targets: targets,
		},
	}))
}

func finding(category string) *rectificationv1.Finding {
	return &rectificationv1.Finding{Category: category, Level: rectificationv1.Problem_LEVEL_STAFF, Description: "上班时间空岗"}
}

func TestAnUnannouncedVisitBecomesProblemsAndThenIsSeen(t *testing.T) {
	w := begin(t)
	i := w.inspection(t, false, w.school, w.other)
	get := func(by suitetest.Person) (*rectificationv1.Inspection, error) {
		return w.as(by).GetInspection(t.Context(), &rectificationv1.GetInspectionRequest{Name: i.GetName()})
	}
	list := func(by suitetest.Person, filter string) int {
		return len(suitetest.OK[*rectificationv1.ListInspectionsResponse](t)(w.as(by).ListInspections(t.Context(), &rectificationv1.ListInspectionsRequest{Unit: w.bureau, Filter: filter})).GetInspections())
	}
	_, err := get(w.head)
	want(t, "a target that looks before the visit", err, authz.ErrNotFound)
	if list(w.head, "") != 0 || list(w.bureauLeader, "") != 1 {
		t.Error("the list shows it to the wrong ones")
	}
	recorded := suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{
		Name: i.GetName(), Target: w.school, Summary: "随机走访", Findings: []*rectificationv1.Finding{finding("A"), finding("B")},
	}))
	found := recorded.GetVisits()[0].GetProblems()
	if len(found) != 2 {
		t.Fatalf("visit = %v", recorded.GetVisits())
	}
	p := suitetest.OK[*problem](t)(w.as(w.head).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: found[1]}))
	if p.GetSource() != rectificationv1.Problem_SOURCE_INSPECTION || !p.GetAccepted() || p.GetInspection() != i.GetName() || p.GetUnit() != w.school || p.GetNumber() != 2 {
		t.Errorf("problem = %v", p)
	}
	part := suitetest.OK[*rectificationv1.Inspection](t)(get(w.head))
	if len(part.GetTargets()) != 1 || len(part.GetVisits()) != 1 || part.GetPlan() != "" || part.GetTeam() != nil {
		t.Errorf("the target reads %v", part)
	}
	if list(w.head, `plan = "方案"`) != 0 || list(w.head, `targets:"`+w.other+`"`) != 0 || list(w.head, `targets:"`+w.school+`"`) != 1 {
		t.Error("a filter tells what is not shown")
	}
	_, err = get(w.stranger)
	want(t, "a target that is still to be visited", err, authz.ErrNotFound)
	_, err = w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.school, Summary: "再次"})
	want(t, "a second record", err, rectification.ErrInspectionTargetRecorded)
	suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.other, Summary: "未发现问题"}))
	done := suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.bureauLeader).ConcludeInspection(t.Context(), &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: "总体良好"}))
	if done.GetState() != rectificationv1.Inspection_STATE_CONCLUDED || done.GetConclusion() != "总体良好" {
		t.Errorf("concluded = %v", done)
	}
	w.sound(t)
}

// Who plans nothing against what others found is late like who plans and does nothing.
func TestWhatOthersFindHasADeadline(t *testing.T) {
	w := begin(t)
	i := w.inspection(t, false, w.school)
	by := func(deadline string) *rectificationv1.Finding {
		f := finding("A")
		f.Deadline = deadline
		return f
	}
	record := func(findings ...*rectificationv1.Finding) (*rectificationv1.Inspection, error) {
		return w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{
			Name: i.GetName(), Target: w.school, Summary: "s", Findings: findings,
		})
	}
	_, err := record(by(""), by("2026-02-08"))
	want(t, "a deadline that is past", err, rectification.ErrProblemDeadlineOutside)
	at(t, err, "findings[1].deadline")
	for n, name := range suitetest.OK[*rectificationv1.Inspection](t)(record(by(""), by("2026-03-20"))).GetVisits()[0].GetProblems() {
		p := suitetest.OK[*problem](t)(w.as(w.head).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: name}))
		if given := []string{"2026-03-11", "2026-03-20"}[n]; p.GetDeadline() != given || p.GetAcceptedContent().GetDeadline() != given {
			t.Errorf("finding %d is to be rectified by %s, and for superiors by %s, want %s", n, p.GetDeadline(), p.GetAcceptedContent().GetDeadline(), given)
		}
		_, err := w.as(w.clerk).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &problem{Name: name, Deadline: "2029-01-01"}})
		want(t, "the unit that takes its time", err, rectification.ErrProblemDeadlineFixed)
	}
	w.sound(t)
}

func TestAnAnnouncedVisitIsSeenBeforehand(t *testing.T) {
	w := begin(t)
	i := w.inspection(t, true, w.school)
	got := suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.viewer).GetInspection(t.Context(), &rectificationv1.GetInspectionRequest{Name: i.GetName()}))
	if len(got.GetTargets()) != 1 || got.GetPlan() != "" {
		t.Errorf("the target reads %v", got)
	}
	_, err := w.as(w.stranger).GetInspection(t.Context(), &rectificationv1.GetInspectionRequest{Name: i.GetName()})
	want(t, "another school", err, authz.ErrNotFound)
}

func TestARecordWithAFindingThatIsRefusedLeavesNothing(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	w.issued(t, 2)
	i := suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.supervisor).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{
		Inspection: &rectificationv1.Inspection{Unit: w.bureau, Campaign: c, Title: "督查", Team: []string{w.supervisor.Name}, Targets: []string{w.school}},
	}))
	record := func(findings ...*rectificationv1.Finding) error {
		_, err := w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{
			Name: i.GetName(), Target: w.school, Summary: "s", Findings: findings,
		})
		return err
	}
	unknown := record(finding("SLOW"), finding("HARD"))
	want(t, "a category that the campaign has not", unknown, rectification.ErrProblemCategoryUnknown)
	at(t, unknown, "findings[1].category")
	untouched := &rectificationv1.ListLedgersRequest{Filter: "issued = true"}
	if l := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.as(w.supervisor).ListLedgers(t.Context(), untouched)); len(l.GetLedgers()) != 2 {
		t.Errorf("the refused record left %v", l.GetLedgers())
	}
	want(t, "a category of the campaign", record(finding("SLOW")), nil)
	l := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.as(w.viewer).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{Campaign: c})).GetLedgers()
	if len(l) != 1 || l[0].GetFilingDueDate() != "2026-04-05" || l[0].GetProblemCount() != 1 {
		t.Errorf("the ledger that was opened = %v", l)
	}
}

// granted is a supervisor of the bureau who heads the school by a grant alone.
func (w *world) granted() suitetest.Person {
	p := w.Person(w.bureau, supervisor)
	w.Grant(p.Name, w.school, head)
	return p
}

// posted is a supervisor of the bureau with a post in a department of the school.
func (w *world) posted() suitetest.Person {
	p := w.Person(w.bureau, supervisor)
	_, err := w.Organization(w.SystemAdmin).UpdateMember(w.T.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
		Name: p.Name, Posts: []*organizationv1.Post{{Unit: w.bureau, Kind: organizationv1.Post_KIND_STAFF}, {Unit: w.office, Kind: organizationv1.Post_KIND_STAFF}},
	}})
	if err != nil {
		w.T.Fatal(err)
	}
	return p
}

func TestWhoComesToWorkAtATargetConcludesNothingOnIt(t *testing.T) {
	w := begin(t)
	i := w.inspection(t, false, w.school)
	suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.bureauLeader).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.school, Summary: "s"}))
	w.Grant(w.supervisor.Name, w.school, head)
	_, err := w.as(w.supervisor).ConcludeInspection(t.Context(), &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: "合格"})
	want(t, "its new head", err, rectification.ErrInspectionConcluderInvolved)
}

func TestATeamIsOfThoseWhomTheCallerSees(t *testing.T) {
	w := begin(t)
	elsewhere := w.Person(w.Unit("neighbour", w.Root, organizationv1.Unit_KIND_DISTRICT), supervisor)
	plan := func(member string) error {
		_, err := w.as(w.supervisor).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{Inspection: &rectificationv1.Inspection{
			Unit: w.bureau, Title: "督查", Team: []string{member}, Targets: []string{w.school},
		}})
		return err
	}
	there, nobody := fault.As(plan(elsewhere.Name)), fault.As(plan("units/neighbour/members/nobody"))
	if there == nil || nobody == nil {
		t.Fatalf("somebody of another branch is %v, nobody there %v", there, nobody)
	}
	if diff := cmp.Diff([]string{nobody.Error(), nobody.Facts["unit"]}, []string{there.Error(), there.Facts["unit"]}); diff != "" {
		t.Errorf("who is there is told (-nobody +there):\n%s", diff)
	}
}

func TestNobodyInspectsTheirOwnUnit(t *testing.T) {
	w := begin(t)
	plan := func(team, target string) error {
		_, err := w.as(w.supervisor).CreateInspection(t.Context(), &rectificationv1.CreateInspectionRequest{
			Inspection: &rectificationv1.Inspection{Unit: w.bureau, Title: "督查", Team: []string{team, w.bureauLeader.Name}, Targets: []string{target}},
		})
		return err
	}
	clerk := w.Person(w.office)
	want(t, "a member of a department of the target", plan(clerk.Name, w.school), rectification.ErrInspectionOwnUnit)
	want(t, "the same member elsewhere", plan(clerk.Name, w.other), nil)
	want(t, "the bureau itself", plan(w.supervisor.Name, w.bureau), rectification.ErrInspectionTargetOutside)
	nowhere := plan("units/none/members/m", w.school)
	want(t, "a member from nowhere", nowhere, rectification.ErrInspectionMemberUnknown)
	at(t, nowhere, "inspection.team[0]")

	for what, p := range map[string]suitetest.Person{"holds a role": w.granted(), "holds a post": w.posted()} {
		want(t, "a member who "+what+" in the target", plan(p.Name, w.school), rectification.ErrInspectionOwnUnit)
		want(t, "elsewhere, who "+what, plan(p.Name, w.other), nil)
	}

	seconded := w.Person(w.school)
	w.Grant(seconded.Name, w.bureau, supervisor)
	_, err := w.as(seconded).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{
		Name: w.inspection(t, true, w.school).GetName(), Target: w.school, Summary: "s",
	})
	want(t, "a supervisor beside the team who records", err, rectification.ErrInspectionNotOfTeam)
}

// A portal learns of a concluded inspection what was visited, and no more than the
// inspected: no plan and conclusion, and nothing of whom nobody came to, who may be visited
// yet.
func TestAPortalReadsWhatWasVisitedAlone(t *testing.T) {
	w := begin(t)
	seen, unseen := w.Machine(w.bureau, accessv1.Role_ROLE_PORTAL), w.Machine(w.other, accessv1.Role_ROLE_PORTAL)
	for _, announced := range []bool{false, true} {
		i := w.inspection(t, announced, w.school, w.other)
		suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.supervisor).RecordInspection(t.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.school, Summary: "未发现问题"}))
		suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.bureauLeader).ConcludeInspection(t.Context(), &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: "总体良好"}))
		get := &rectificationv1.GetInspectionRequest{Name: i.GetName()}
		part := suitetest.OK[*rectificationv1.Inspection](t)(w.as(seen).GetInspection(t.Context(), get))
		if part.GetPlan() != "" || part.GetConclusion() != "" || !slices.Equal(part.GetTargets(), []string{w.school}) || len(part.GetVisits()) != 1 {
			t.Errorf("announced %v: the portal reads %v", announced, part)
		}
		_, err := w.as(unseen).GetInspection(t.Context(), get)
		want(t, "the portal of a unit to which nobody came", err, authz.ErrNotFound)
		whole := suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.bureauLeader).GetInspection(t.Context(), get))
		if whole.GetConclusion() == "" || len(whole.GetTargets()) != 2 {
			t.Errorf("the bureau reads %v", whole)
		}
	}
}
