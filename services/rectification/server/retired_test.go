package server_test

import (
	"testing"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// Who has left every post is nobody's superior from the day after the last one, though the
// role was never taken away, and nothing awaits them: a post that ends by its date needs no
// change. Whoever has no posts entered acts on, and a new post gives the roles back.
func TestWhoLeftEveryPostIsNobodysSuperior(t *testing.T) {
	w := begin(t)
	w.enters(t, w.supervisor.Name, "2026-02-09")
	w.Grant(w.supervisor.Name, w.bureau, viewer)
	w.CatchUp()
	audit := selfCheck("审计发现")
	audit.Source = rectificationv1.Problem_SOURCE_AUDIT
	name := w.submitted(t, w.clerk, audit)
	want(t, "verifying on the last day", w.judge(t, w.supervisor, "verifying", name), nil)
	want(t, "closing by another", w.judge(t, w.bureauLeader, "closing", name), nil)
	w.SetTime(suitetest.Start.Add(24 * time.Hour))
	for _, how := range []string{"reopening", "cancelling"} {
		want(t, how+" on the day after", w.judge(t, w.supervisor, how, name), authz.ErrPostsOver)
	}
	suitetest.OK[*problem](t)(w.as(w.supervisor).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: name})) // as a viewer
	want(t, "reopening by who has no posts entered", w.judge(t, w.bureauLeader, "reopening", name), nil)
	w.submit(t, name)
	want(t, "verifying it again", w.judge(t, w.supervisor, "verifying", name), authz.ErrPostsOver)
	w.letThrough(t, name, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, "verifying")
	for _, by := range w.asked(t, name, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM) {
		if by.Name == w.supervisor.Name {
			t.Error("who has left every post is asked to close")
		}
	}
	w.enters(t, w.supervisor.Name, "")
	want(t, "closing once back", w.judge(t, w.supervisor, "closing", name), nil)
}

// enters has a member serve in the bureau until a last day, or from then on.
func (w *world) enters(t *testing.T, member, last string) {
	t.Helper()
	posts := []*organizationv1.Post{{Unit: w.bureau, Kind: organizationv1.Post_KIND_STAFF, EndDate: last}}
	suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{Name: member, Posts: posts}}))
	w.CatchUp()
}
