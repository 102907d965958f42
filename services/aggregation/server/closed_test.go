package server_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// running is a campaign of the district with a task due before the tenth of March
// and one after, and a ledger of the school, who does nothing.
func (s *scene) running(leader campaignv1.CampaignServiceClient, filing string) {
	s.T.Helper()
	task := func(code, due string) *campaignv1.Task {
		return &campaignv1.Task{Code: code, Title: code, Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: due}
	}
	_, err := leader.CreateCampaign(s.T.Context(), &campaignv1.CreateCampaignRequest{CampaignId: "c", Campaign: &campaignv1.Campaign{
		Owner: s.district, DisplayName: "演示活动", Filing: &campaignv1.Filing{DueDate: filing},
		Phases: []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-01-01", EndDate: "2026-12-31"}},
		Tasks:  []*campaignv1.Task{task("T1", "2026-03-05"), task("T2", "2026-03-10"), task("T3", "2026-12-01")},
	}})
	if err == nil {
		_, err = leader.PublishCampaign(s.T.Context(), &campaignv1.PublishCampaignRequest{Name: "campaigns/c"})
	}
	if err != nil {
		s.T.Fatal(err)
	}
	clerk := s.Person(s.school, accessv1.Role_ROLE_CLERK)
	_, err = s.Rectification(clerk.Key).CreateLedger(s.T.Context(), &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: s.school, Campaign: "campaigns/c"},
	})
	if err != nil {
		s.T.Fatal(err)
	}
}

// owesInAll is what the school has by a moment: tasks due and overdue, ledgers due,
// and what is missing.
func (s *scene) owesInAll(asOf *timestamppb.Timestamp) (n [4]int64) {
	s.T.Helper()
	status := s.status(s.reviewer.Key, s.school, &aggregationv1.Cut{AsOf: asOf})
	for i, id := range []string{"tasks_due", "tasks_overdue", "ledgers_due"} {
		n[i] = figure(status.GetFigures(), id).GetValue()
	}
	n[3] = status.GetMissing().GetTotal()
	return n
}

// What was due and not done by the day on which the campaign was closed stays so; nothing
// falls due after, nobody is asked for what would be refused, and before it all was open.
func TestAClosedCampaignAccusesOfNothingMore(t *testing.T) {
	s := newScene(t)
	s.SetTime(time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC))
	leader := s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key)
	s.running(leader, "2026-04-05")
	before := time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC)
	s.SetTime(before)
	s.settled()
	if n := len(s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.school})); n != 4 {
		t.Errorf("before the end %d things await the school, want three tasks and a ledger", n)
	}
	s.SetTime(before.Add(time.Hour))
	if _, err := leader.CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: "campaigns/c"}); err != nil {
		t.Fatal(err)
	}
	s.asksNothing()
	s.SetTime(time.Date(2026, 12, 30, 1, 0, 0, 0, time.UTC))
	s.settled()
	if got, want := s.owesInAll(nil), [4]int64{2, 2, 0, 2}; got != want {
		t.Errorf("long after the end: %v, want %v", got, want)
	}
	if got, want := s.owesInAll(timestamppb.New(before)), [4]int64{2, 1, 0, 1}; got != want {
		t.Errorf("as of before the end: %v, want %v", got, want)
	}
	s.recounted()
}

// asksNothing says that nothing awaits the school once its ledger has heard of the
// end, which it does by itself.
func (s *scene) asksNothing() {
	s.T.Helper()
	s.Recorded("rectification", "rectification.ledger.changed.v1", 1)
	s.settled()
	if items := s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.school}); len(items) > 0 {
		s.T.Errorf("in a closed campaign the school is asked for %v", items)
	}
}
