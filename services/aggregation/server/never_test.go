package server_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// ledgerItems are the actions that ledgers ask for in a unit's worklist, by the unit
// whose they are.
func (s *scene) ledgerItems(parent string) map[string]string {
	s.T.Helper()
	items := map[string]string{}
	for _, i := range s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{
		Parent: parent, Filter: "action = OPEN_LEDGER OR action = SIGN_LEDGER",
	}) {
		items[i.GetOwner()] = i.GetAction().String() + " " + i.GetDueDate() + " " + i.GetLight().String()
	}
	return items
}

// missingLedgers are the units at which a ledger is missing.
func (s *scene) missingLedgers(unit string) (units []string) {
	s.T.Helper()
	for _, m := range s.status(s.reviewer.Key, unit, nil).GetMissing().GetItems() {
		if len(m.GetSubject()) > 8 && m.GetSubject()[:8] == "ledgers/" {
			units = append(units, m.GetUnit())
		}
	}
	return units
}

// A unit that never opens its ledger owes it like one that did: it is asked for it,
// counted among those that are due and named once that is late, and so is who takes
// it over.
func TestWhoNeverOpensALedgerOwesIt(t *testing.T) {
	s := newScene(t)
	s.SetTime(time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC))
	leader := s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key)
	s.running(leader, "2026-04-05") // the school opens its ledger, the other does not
	s.Recorded("rectification", "rectification.ledger.issued.v1", 1)
	s.settled()
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "ledgers_due", 0)
	if got := s.ledgerItems(s.other); got[s.other] != "ACTION_OPEN_LEDGER 2026-04-05 LIGHT_GREEN" {
		t.Errorf("before it is due the other school is asked for %v", got)
	}

	s.SetTime(time.Date(2026, 4, 6, 1, 0, 0, 0, time.UTC))
	s.settled()
	for unit, want := range map[string]int64{s.Root: 2, s.district: 2, s.school: 1, s.other: 1} {
		wantFigure(t, s.status(s.reviewer.Key, unit, nil).GetFigures(), "ledgers_due", want)
	}
	if diff := cmp.Diff([]string{s.school, s.other}, s.missingLedgers(s.district)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if got := s.ledgerItems(s.district); len(got) > 0 {
		t.Errorf("the owner of the campaign is asked for %v", got)
	}
	if _, err := s.Organization(s.SystemAdmin).MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: s.other, Into: s.school}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	want := map[string]string{s.school: "ACTION_SIGN_LEDGER 2026-04-05 LIGHT_RED", s.other: "ACTION_OPEN_LEDGER 2026-04-05 LIGHT_RED"}
	if diff := cmp.Diff(want, s.ledgerItems(s.school)); diff != "" {
		t.Errorf("of the heir (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{s.school, s.other}, s.missingLedgers(s.school)); diff != "" {
		t.Errorf("missing at the heir (-want +got):\n%s", diff)
	}
	heir := s.Rectification(s.Person(s.school, accessv1.Role_ROLE_CLERK).Key)
	_, err := heir.CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: s.other, Campaign: "campaigns/c"}})
	if err != nil {
		t.Fatalf("the heir opens it: %v", err)
	}
	s.settled()
	if got := s.ledgerItems(s.school); got[s.other] != "ACTION_SIGN_LEDGER 2026-04-05 LIGHT_RED" {
		t.Errorf("once it is opened the heir is asked for %v", got)
	}
	s.recounted()
}
