package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
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
