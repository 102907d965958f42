package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// office is the school's, and who is above it, at work on one ledger of a campaign
// with two categories.
type office struct {
	*scene
	clerk, signer, above  rectificationv1.RectificationServiceClient
	ledger, leads, doesIt string
}

func newOffice(t *testing.T) *office {
	s := newScene(t)
	campaigns := s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key)
	suitetest.OK[*campaignv1.Campaign](t)(campaigns.CreateCampaign(t.Context(), &campaignv1.CreateCampaignRequest{CampaignId: "c", Campaign: &campaignv1.Campaign{
		Owner: s.district, DisplayName: "演示活动",
		Phases:     []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-01-01", EndDate: "2026-12-31"}},
		Categories: []*campaignv1.Category{{Code: "LAVISH", Name: "奢"}, {Code: "SLOW", Name: "慢"}},
		Tasks:      []*campaignv1.Task{{Code: "T", Title: "T", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-12-01"}},
	}}))
	suitetest.OK[*campaignv1.Campaign](t)(campaigns.PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: "campaigns/c"}))
	clerk, leader := s.Person(s.school, accessv1.Role_ROLE_CLERK), s.Person(s.school, accessv1.Role_ROLE_LEADER)
	o := &office{
		scene: s, clerk: s.Rectification(clerk.Key), signer: s.Rectification(s.head.Key), above: s.Rectification(s.eye.Key),
		leads: leader.Name, doesIt: clerk.Name,
	}
	o.ledger = suitetest.OK[*rectificationv1.Ledger](t)(o.clerk.CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: s.school, Campaign: "campaigns/c"},
	})).GetName()
	return o
}

// file has the head sign what the ledger says, and the clerk file it.
func (o *office) file() {
	o.T.Helper()
	done, ctx := suitetest.OK[*rectificationv1.Ledger](o.T), o.T.Context()
	read := done(o.signer.GetLedger(ctx, &rectificationv1.GetLedgerRequest{Name: o.ledger}))
	done(o.signer.SignLedger(ctx, &rectificationv1.SignLedgerRequest{Name: o.ledger, ContentDigest: read.GetContentDigest()}))
	done(o.clerk.FileLedger(ctx, &rectificationv1.FileLedgerRequest{Name: o.ledger}))
}

func (o *office) acknowledge() {
	o.T.Helper()
	suitetest.OK[*rectificationv1.Ledger](o.T)(o.above.AcknowledgeLedger(o.T.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: o.ledger}))
}

// counted is how many problems were found in either category, for who is above, who
// asks also for what was not accepted, and the school itself.
func (o *office) counted() (n [6]int64) {
	o.T.Helper()
	o.settled()
	for i, asks := range []struct {
		key string
		all bool
	}{{o.reviewer.Key, false}, {o.reviewer.Key, true}, {o.head.Key, false}} {
		for j, category := range []string{"LAVISH", "SLOW"} {
			cut := &aggregationv1.Cut{Campaign: "campaigns/c", Category: category, IncludeUnaccepted: asks.all}
			n[2*i+j] = figure(o.status(asks.key, o.school, cut).GetFigures(), "problems_found").GetValue()
		}
	}
	return n
}

func (o *office) counts(when string, want [6]int64) {
	o.T.Helper()
	if diff := cmp.Diff(want, o.counted()); diff != "" {
		o.T.Errorf("%s: lavish and slow for who is above, all, and the school (-want +got):\n%s", when, diff)
	}
}

// What a superior has acknowledged counts as it was acknowledged, whatever the unit
// makes of it, until another version is.
func TestAcceptedFiguresAreOfWhatWasAcknowledged(t *testing.T) {
	o, done := newOffice(t), suitetest.OK[*rectificationv1.Problem](t)
	p := done(o.clerk.CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: o.ledger, Problem: &rectificationv1.Problem{
		Category: "LAVISH", Source: rectificationv1.Problem_SOURCE_SELF_CHECK, Level: rectificationv1.Problem_LEVEL_LEADERS, Description: "演示问题",
		Cause: "原因", Measures: "措施", Deadline: "2026-06-30", LeaderResponsible: o.leads, PersonResponsible: o.doesIt,
	}}))
	o.counts("before it is filed", [6]int64{0, 0, 1, 0, 1, 0})
	o.file()
	rewrite := func(category string) {
		done(o.clerk.UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{Problem: &rectificationv1.Problem{
			Name: p.GetName(), Category: category, Level: rectificationv1.Problem_LEVEL_STAFF,
		}}))
	}
	rewrite("SLOW")
	o.acknowledge()
	o.counts("rewritten before the version was acknowledged", [6]int64{1, 0, 1, 0, 1, 0})
	o.file()
	o.counts("the rewritten one is filed", [6]int64{1, 0, 1, 0, 1, 0})
	o.acknowledge()
	o.counts("the rewritten one is acknowledged", [6]int64{0, 1, 0, 1, 0, 1})
	rewrite("LAVISH")
	o.counts("rewritten once more", [6]int64{0, 1, 0, 1, 0, 1})
	o.recounted()
}
