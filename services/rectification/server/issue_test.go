package server_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// issued waits until so many ledgers were issued in all.
func (w *world) issued(t *testing.T, n int) {
	t.Helper()
	w.Recorded("rectification", "rectification.ledger.issued.v1", n)
}

// states are the units that have a ledger in the campaign, and whether it was only
// issued.
func (w *world) states(t *testing.T, key, campaign string) map[string]bool {
	t.Helper()
	states := map[string]bool{}
	for _, l := range suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.Rectification(key).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{Campaign: campaign})).GetLedgers() {
		if l.GetFilingDueDate() != "2026-04-05" || len(l.GetCategories()) != 1 || l.GetState() != rectificationv1.Ledger_STATE_OPEN {
			t.Errorf("ledger = %v", l)
		}
		states[l.GetUnit()] = l.GetIssued()
	}
	return states
}

func (w *world) open(t *testing.T, campaign string) (*rectificationv1.Ledger, error) {
	t.Helper()
	return w.as(w.clerk).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: w.school, Campaign: campaign},
	})
}

// Publishing opens a ledger for every unit that owes one; the unit opens its own as
// if there were none, once. A unit that is entered later owes none.
func TestACampaignIssuesTheLedgersThatAreOwed(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	w.issued(t, 2)
	if diff := cmp.Diff(map[string]bool{w.school: true, w.other: true}, w.states(t, w.supervisor.Key, c)); diff != "" {
		t.Fatalf("issued (-want +got):\n%s", diff)
	}
	l := suitetest.OK[*rectificationv1.Ledger](t)(w.open(t, c))
	if l.GetIssued() || l.GetFilingDueDate() != "2026-04-05" {
		t.Errorf("opened = %v", l)
	}
	_, err := w.open(t, c)
	want(t, "opening it twice", err, rectification.ErrLedgerExists)

	w.Unit("late", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	second := w.campaign(t, "second", true)
	w.issued(t, 5)
	if diff := cmp.Diff(map[string]bool{w.school: false, w.other: true}, w.states(t, w.supervisor.Key, c)); diff != "" {
		t.Errorf("after the second campaign (-want +got):\n%s", diff)
	}
	if got := w.states(t, w.supervisor.Key, second); len(got) != 3 {
		t.Errorf("in the second campaign: %v", got)
	}
	w.sound(t)
}

// A problem that is entered begins a ledger, whoever enters it: it is opened no more.
func TestAnIssuedLedgerIsBegunByAProblem(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	w.issued(t, 2)
	name := rectification.LedgerName(c, w.school)
	found := selfCheck("问题")
	found.Category = "SLOW"
	w.plan(t, w.problem(t, w.clerk, name, found).GetName(), "2026-04-30")
	_, err := w.open(t, c)
	want(t, "opening what is begun", err, rectification.ErrLedgerExists)
	l := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: name}))
	if l.GetIssued() || l.GetProblemCount() != 1 {
		t.Errorf("ledger = %v", l)
	}
	if l = w.file(t, name); l.GetVersion() != 1 {
		t.Errorf("filed = %v", l)
	}
}

func TestAnIssuedLedgerOfAClosedCampaignIsNotOpened(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	w.issued(t, 2)
	suitetest.OK[*campaignv1.Campaign](t)(w.Campaign(w.bureauLeader.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: c}))
	l := w.heard(t, rectification.LedgerName(c, w.school))
	_, err := w.open(t, c)
	want(t, "opening after the end", err, rectification.ErrLedgerCampaignNotPublished)
	if !l.GetIssued() {
		t.Errorf("the end begins %v", l)
	}
}

// forget stops the suite, takes from its store the ledgers of those names and how far
// campaigns were heard, as a version leaves it that issued none, and starts it again.
func (w *world) forget(t *testing.T, names ...string) {
	t.Helper()
	ledgers := store.Table[*rectificationv1.Ledger]{
		Bucket: "duban.rectification.v1.Ledger", Key: (*rectificationv1.Ledger).GetName,
		Indexes: []string{"unit", "campaign"},
	}
	w.alter(t, func(tx store.Tx) error {
		err := tx.Delete("rectification.cursors", []byte("campaign.issued"))
		for _, name := range names {
			err = errors.Join(err, ledgers.Delete(tx, name))
		}
		return err
	})
}

// alter stops the suite, changes the service's store and starts the suite again.
func (w *world) alter(t *testing.T, change func(store.Tx) error) {
	t.Helper()
	w.Stop()
	engine := suitetest.OK[store.Engine](t)(bolt.Open(w.Store("rectification"), bolt.Options{}))
	err := engine.Update(t.Context(), change)
	if err = errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
	auditor, admin := w.Auditor, w.SystemAdmin
	w.Suite = suitetest.RunIn(t, w.Folder)
	w.Auditor, w.SystemAdmin = auditor, admin
}

// A version that issued no ledgers has left its cursor behind: what was published in
// its time is read again, by the tree of that time, and what was closed since is not.
func TestLedgersOfEarlierCampaignsAreIssuedOnce(t *testing.T) {
	w := begin(t)
	going, over := w.campaign(t, "going", true), w.campaign(t, "over", true)
	w.issued(t, 4)
	l := suitetest.OK[*rectificationv1.Ledger](t)(w.open(t, going))
	suitetest.OK[*rectificationv1.Ledger](t)(w.open(t, over))
	suitetest.OK[*campaignv1.Campaign](t)(w.Campaign(w.bureauLeader.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: over}))
	w.heard(t, rectification.LedgerName(over, w.school))
	w.SetTime(day(t, "2026-03-01"))
	w.Unit("late", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.forget(t, rectification.LedgerName(going, w.other), rectification.LedgerName(over, w.other))

	w.issued(t, 5)
	if diff := cmp.Diff(map[string]bool{w.school: false, w.other: true}, w.states(t, w.supervisor.Key, going)); diff != "" {
		t.Errorf("of the campaign that goes on (-want +got):\n%s", diff)
	}
	if got := w.states(t, w.supervisor.Key, over); len(got) != 1 {
		t.Errorf("of the one that is over: %v", got)
	}
	if same := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()})); same.GetEtag() != l.GetEtag() {
		t.Errorf("the ledger that was there is %v", same)
	}
}
