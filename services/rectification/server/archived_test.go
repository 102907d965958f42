package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

func (w *world) archive(t *testing.T, unit string) {
	t.Helper()
	suitetest.OK[*organizationv1.Unit](t)(w.Organization(w.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: unit}))
}

// ends are the days on which the units of ledgers were archived.
func (w *world) ends(t *testing.T) map[string]string {
	t.Helper()
	ends := map[string]string{}
	for _, l := range suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.as(w.supervisor).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{})).GetLedgers() {
		ends[l.GetUnit()] = l.GetUnitArchiveDate()
	}
	return ends
}

// The ledgers of an archived unit are told the day, with those of units that had been
// merged into it; once, however often the service starts.
func TestTheLedgersOfAnArchivedUnitAreTold(t *testing.T) {
	w := begin(t)
	merged := w.Unit("merged", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.campaign(t, "c", true)
	w.issued(t, 3)
	w.merge(t, merged, w.other)
	w.SetTime(day(t, "2026-03-20"))
	w.archive(t, w.other)
	w.Recorded("rectification", "rectification.ledger.changed.v1", 2)
	want := map[string]string{w.school: "", w.other: "2026-03-20", merged: "2026-03-20"}
	if diff := cmp.Diff(want, w.ends(t)); diff != "" {
		t.Errorf("archived (-want +got):\n%s", diff)
	}

	w.Stop()
	auditor, admin := w.Auditor, w.SystemAdmin
	w.Suite = suitetest.RunIn(t, w.Folder)
	w.Auditor, w.SystemAdmin = auditor, admin
	w.SetTime(day(t, "2026-03-25"))
	last := w.Unit("last", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.campaign(t, "second", true)
	w.issued(t, 5)
	w.archive(t, last)
	w.Recorded("rectification", "rectification.ledger.changed.v1", 3)
	want[last] = "2026-03-25"
	if diff := cmp.Diff(want, w.ends(t)); diff != "" {
		t.Errorf("after another start (-want +got):\n%s", diff)
	}
	w.sound(t)
}

// A ledger that is issued after its unit was archived, because the campaign was heard of
// late, has the day from the beginning.
func TestALedgerThatIsIssuedLateKnowsThatItsUnitIsGone(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	w.issued(t, 2)
	l := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.as(w.supervisor).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{Unit: w.other})).GetLedgers()[0]
	w.SetTime(day(t, "2026-03-20"))
	w.archive(t, w.other)
	w.Recorded("rectification", "rectification.ledger.changed.v1", 1)
	w.forget(t, l.GetName())
	w.issued(t, 3)
	if got := w.ends(t)[w.other]; got != "2026-03-20" {
		t.Errorf("the ledger of %s says that its unit was archived on %q", c, got)
	}
}

// What was due when a unit was archived its own people finish, by the posts that they hold
// there, until these are ended: nobody else can. Elsewhere such a post keeps no role.
func TestThePeopleOfAnArchivedUnitFinishWhatWasLeftToIt(t *testing.T) {
	w := begin(t)
	serve := func(end string) {
		t.Helper()
		for who, kind := range map[string]organizationv1.Post_Kind{
			w.head.Name: organizationv1.Post_KIND_HEAD, w.leader.Name: organizationv1.Post_KIND_DEPUTY, w.clerk.Name: organizationv1.Post_KIND_STAFF,
		} {
			posts := []*organizationv1.Post{{Unit: w.school, Kind: kind, EndDate: end}}
			suitetest.OK[*organizationv1.Member](t)(w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{
				Member: &organizationv1.Member{Name: who, Posts: posts},
			}))
		}
		w.CatchUp()
	}
	serve("")
	w.Grant(w.clerk.Name, w.other, clerk)
	campaign := w.campaign(t, "c", true)
	w.issued(t, 2)
	ledger := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.as(w.clerk).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{Unit: w.school})).GetLedgers()[0].GetName()
	elsewhere := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.as(w.clerk).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{Unit: w.other})).GetLedgers()[0].GetName()
	own := w.submitted(t, w.clerk, selfCheck("问题"))
	w.SetTime(day(t, "2026-04-08"))
	w.archive(t, w.office)
	w.archive(t, w.school)
	w.CatchUp()

	w.awaiting(t, "the clerk", w.clerk, aggregationv1.WorkItem_ACTION_RECEIVE_ASSIGNMENT, aggregationv1.WorkItem_ACTION_OPEN_LEDGER)
	suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: w.school, Campaign: campaign}}))
	w.awaiting(t, "the head", w.head, aggregationv1.WorkItem_ACTION_RECEIVE_ASSIGNMENT, aggregationv1.WorkItem_ACTION_SIGN_LEDGER, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM)
	if sig := w.file(t, ledger).GetSignature(); sig.GetPostKind() != organizationv1.Post_KIND_HEAD {
		t.Errorf("signed by %v", sig)
	}
	want(t, "verifying what it found itself", w.judge(t, w.head, "verifying", own), nil)
	_, err := w.as(w.clerk).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: elsewhere})
	want(t, "reading elsewhere", err, authz.ErrNotFound)
	serve("2026-04-07")
	_, err = w.as(w.head).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: ledger})
	want(t, "reading once the post is ended", err, authz.ErrPostsOver)
}
