package server_test

import (
	"context"
	"errors"
	"testing"
	"time"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

// heard waits until the ledger knows that its campaign was closed.
func (w *world) heard(t *testing.T, name string) *rectificationv1.Ledger {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		l := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.head).GetLedger(ctx, &rectificationv1.GetLedgerRequest{Name: name}))
		if l.GetCampaignCloseDate() != "" {
			return l
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the ledger never hears that its campaign was closed")
		}
	}
}

// A key that is narrowed to this service does all that its calls do, though they ask
// another service by the same key.
func TestANarrowedKeyReachesAsFarAsItsCalls(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	narrow := suitetest.OK[*organizationv1.IssuedApiKey](t)(w.Organization(w.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: w.clerk.Name, Scopes: []string{"rectification:write"}},
	})).GetSecret()
	suitetest.OK[*rectificationv1.Ledger](t)(w.Rectification(narrow).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: w.school, Campaign: c},
	}))
	if _, err := w.Campaign(narrow).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: c}); !errors.Is(err, authz.ErrScope) {
		t.Errorf("asking the other service itself: %v", err)
	}
}

func TestTheLedgersOfAClosedCampaignBeginNothing(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	l := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: w.school, Campaign: c},
	}))
	found := selfCheck("问题")
	found.Category = "SLOW"
	p := w.problem(t, w.clerk, l.GetName(), found)
	w.plan(t, p.GetName(), "2026-04-30")
	standing := w.ledger(t)
	w.SetTime(day(t, "2026-03-10"))
	suitetest.OK[*campaignv1.Campaign](t)(w.Campaign(w.bureauLeader.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: c}))

	l = w.heard(t, l.GetName())
	if l.GetCampaignCloseDate() != "2026-03-10" {
		t.Errorf("closed on %q", l.GetCampaignCloseDate())
	}
	_, err := w.as(w.clerk).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: found})
	want(t, "finding something after the end", err, rectification.ErrLedgerCampaignClosed)
	at(t, err, "problem.source")
	_, err = w.as(w.head).SignLedger(t.Context(), &rectificationv1.SignLedgerRequest{Name: l.GetName(), ContentDigest: l.GetContentDigest()})
	want(t, "signing for the first time after the end", err, rectification.ErrLedgerCampaignClosed)
	at(t, err, "name")
	if p = w.submit(t, p.GetName()); p.GetDeadline() != "2026-04-30" {
		t.Errorf("what is open goes on: %v", p)
	}
	if other := w.problem(t, w.clerk, standing.GetName(), selfCheck("又一个")); other.GetNumber() != 1 {
		t.Errorf("the standing ledger takes %v", other)
	}
	w.sound(t)
}
