package server_test

import (
	"testing"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// team plans a visit to the school by these.
func (w *world) team(members ...string) (*rectificationv1.Inspection, error) {
	return w.as(w.supervisor).CreateInspection(w.T.Context(), &rectificationv1.CreateInspectionRequest{
		Inspection: &rectificationv1.Inspection{Unit: w.bureau, Title: "督查", Team: members, Targets: []string{w.school}},
	})
}

// inspector is somebody of the bureau who supervises until the grant is taken away.
func (w *world) inspector() (p suitetest.Person, grant string) {
	p = w.Person(w.bureau)
	return p, w.Grant(p.Name, w.bureau, supervisor)
}

func (w *world) dismiss(t *testing.T, grant string) {
	t.Helper()
	suitetest.OK[*organizationv1.RoleGrant](t)(w.Organization(w.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant}))
}

func (w *world) recordAs(by suitetest.Person, i *rectificationv1.Inspection) error {
	_, err := w.as(by).RecordInspection(w.T.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: w.school, Summary: "s"})
	return err
}

func (w *world) concludeAs(by suitetest.Person, i *rectificationv1.Inspection) (*rectificationv1.Inspection, error) {
	return w.as(by).ConcludeInspection(w.T.Context(), &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: "办结"})
}

func TestATeamHasOneWhoMayRecord(t *testing.T) {
	w := begin(t)
	helper, elsewhere := w.Person(w.bureau, clerk), w.Person(w.other, supervisor)
	_, err := w.team(helper.Name, elsewhere.Name)
	want(t, "a team of whom nobody may record", err, rectification.ErrInspectionTeamInvalid)
	at(t, err, "inspection.team")
	i, err := w.team(helper.Name, w.supervisor.Name)
	want(t, "with one who may", err, nil)
	want(t, "who does", w.recordAs(w.supervisor, i), nil)
}

// An inspection does not die with its team: once none of them can conclude it, another
// supervisor or leader of the bureau does, who is not of a target, and is named.
func TestAnInspectionOutlivesItsTeam(t *testing.T) {
	w := begin(t)
	for recorded, unseen := range map[bool]error{true: rectification.ErrInspectionConcluderInvolved, false: authz.ErrNotFound} {
		inspector, grant := w.inspector()
		i, err := w.team(inspector.Name)
		want(t, "the plan", err, nil)
		if recorded {
			want(t, "the visit", w.recordAs(inspector, i), nil)
		}
		_, err = w.concludeAs(w.supervisor, i)
		want(t, "another, while the team can", err, rectification.ErrInspectionNotOfTeam)
		w.dismiss(t, grant)
		_, err = w.concludeAs(w.granted(), i)
		want(t, "another who is of a target", err, unseen)
		want(t, "another who records", w.recordAs(w.supervisor, i), rectification.ErrInspectionNotOfTeam)
		done, err := w.concludeAs(w.supervisor, i)
		want(t, "another, once nobody of the team can", err, nil)
		if done.GetConcluder() != w.supervisor.Name || done.GetState() != rectificationv1.Inspection_STATE_CONCLUDED {
			t.Errorf("concluded = %v", done)
		}
		if recorded {
			part := suitetest.OK[*rectificationv1.Inspection](t)(w.as(w.head).GetInspection(t.Context(), &rectificationv1.GetInspectionRequest{Name: i.GetName()}))
			if part.GetConcluder() != "" {
				t.Errorf("the target reads %v", part)
			}
		}
	}
	w.awaiting(t, "the supervisor", w.supervisor)
	w.sound(t)
}

// Who has left office, or come to work where they were, keeps nobody from concluding.
func TestWhoLeftOrCameToATargetIsNoTeam(t *testing.T) {
	w := begin(t)
	inspector, _ := w.inspector()
	gone, err := w.team(inspector.Name)
	want(t, "the plan", err, nil)
	want(t, "the visit", w.recordAs(inspector, gone), nil)
	w.Grant(inspector.Name, w.school, head)
	_, err = w.concludeAs(w.bureauLeader, gone)
	want(t, "when the team belongs to what it visited", err, nil)

	retired, _ := w.inspector()
	i, err := w.team(retired.Name)
	want(t, "the plan", err, nil)
	suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
		Name: retired.Name, Posts: []*organizationv1.Post{{Unit: w.bureau, Kind: organizationv1.Post_KIND_STAFF, EndDate: "2026-01-31"}},
	}}))
	w.CatchUp()
	want(t, "recording out of every office", w.recordAs(retired, i), authz.ErrPostsOver)
	_, err = w.concludeAs(retired, i)
	want(t, "concluding out of every office", err, authz.ErrPostsOver)
	_, err = w.concludeAs(w.bureauLeader, i)
	want(t, "when the team is not in office", err, nil)

	moved, _ := w.inspector()
	i, err = w.team(moved.Name, w.supervisor.Name)
	want(t, "the plan", err, nil)
	w.post(t, moved.Name, w.other)
	want(t, "recording by who serves elsewhere", w.recordAs(moved, i), rectification.ErrInspectionRecorderOutside)
	want(t, "recording by who is left of the team", w.recordAs(w.supervisor, i), nil)
	_, err = w.concludeAs(moved, i)
	want(t, "concluding by who serves elsewhere", err, rectification.ErrInspectionRecorderOutside)
}
