package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// ends are the days on which the units of assignments of the campaign were archived.
func (w *world) ends(campaign string) map[string]string {
	w.T.Helper()
	given, err := w.Campaign(w.clerk.Key).ListAssignments(w.T.Context(), &campaignv1.ListAssignmentsRequest{Parent: campaign})
	w.must(err)
	ends := map[string]string{}
	for _, a := range given.GetAssignments() {
		ends[a.GetUnit()] = a.GetUnitArchiveDate()
	}
	return ends
}

// The assignments of an archived unit are told the day, with those of units that had
// been merged into it; once, however often the service starts.
func TestTheAssignmentsOfAnArchivedUnitAreTold(t *testing.T) {
	w := settle(suitetest.RunNew(t, t.TempDir()))
	third := w.Unit("s3", w.district, organizationv1.Unit_KIND_SCHOOL)
	w.publish("c")
	_, err := w.Organization(w.SystemAdmin).MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: w.second, Into: w.school})
	w.must(err)
	w.SetTime(suitetest.Start.AddDate(0, 0, 7))
	archive := func(unit string) {
		t.Helper()
		_, err := w.Organization(w.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: unit})
		w.must(err)
	}
	archive(w.school)
	w.Recorded("campaign", "campaign.assignment.abandoned.v1", 2)
	day := suitetest.Start.AddDate(0, 0, 7).Format("2006-01-02")
	want := map[string]string{w.school: day, w.second: day, third: ""}
	if diff := cmp.Diff(want, w.ends("campaigns/c")); diff != "" {
		t.Errorf("archived (-want +got):\n%s", diff)
	}

	w.Stop()
	auditor, admin := w.Auditor, w.SystemAdmin
	w.Suite = suitetest.RunIn(t, w.Folder)
	w.Auditor, w.SystemAdmin = auditor, admin
	w.SetTime(suitetest.Start.AddDate(0, 0, 9))
	archive(third)
	w.Recorded("campaign", "campaign.assignment.abandoned.v1", 3)
	want[third] = suitetest.Start.AddDate(0, 0, 9).Format("2006-01-02")
	if diff := cmp.Diff(want, w.ends("campaigns/c")); diff != "" {
		t.Errorf("after another start (-want +got):\n%s", diff)
	}
}
