package server_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// investigated brings a complaint about the school to where a problem can be
// ordered.
func (p *place) investigated(kind complaintv1.Complaint_Type) string {
	p.T.Helper()
	req := p.about(p.school, kind)
	req.Complaint.Text = "canary-text"
	c, _ := p.take(p.clerk, req)
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](p.T)(desk.AcceptComplaint(p.T.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}))
	to := assignUnit(c.GetName(), p.school)
	if c.GetSealed() {
		to = assignPerson(c.GetName(), p.officer.Name)
	}
	suitetest.OK[*complaintv1.Complaint](p.T)(desk.AssignComplaint(p.T.Context(), to))
	return c.GetName()
}

// settled waits until the feed has n settled orders.
func (p *place) settled(n int) {
	p.T.Helper()
	p.Recorded("complaint", "complaint.rectification.settled.v1", n)
}

func (p *place) problems() []*rectificationv1.Problem {
	p.T.Helper()
	list := suitetest.OK[*rectificationv1.ListProblemsResponse](p.T)(p.Rectification(p.schoolLeader.Key).ListProblems(p.T.Context(), &rectificationv1.ListProblemsRequest{Parent: "ledgers/-"}))
	return list.GetProblems()
}

func TestAComplaintBecomesOneProblemOfTheUnitConcerned(t *testing.T) {
	p := newPlace(t)
	name, desk := p.investigated(complaintv1.Complaint_TYPE_COMPLAINT), p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.RectifyComplaint(t.Context(), rectify(name)))
	refused[*complaintv1.Complaint](t, complaint.ErrRectificationExists)(desk.RectifyComplaint(t.Context(), rectify(name)))
	p.settled(1)
	c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	problems := p.problems()
	if len(problems) != 1 || c.GetProblem() != problems[0].GetName() || c.GetRectification() != complaintv1.Complaint_RECTIFICATION_ENTERED {
		t.Fatalf("the complaint %v, the ledger %v", c, problems)
	}
	if got := problems[0]; got.GetUnit() != p.school || got.GetSource() != rectificationv1.Problem_SOURCE_COMPLAINT || got.GetDescription() != "食堂保温设备不足" {
		t.Errorf("the problem is %v", got)
	}
}

// TestWhatTheLedgerWouldNotTakeIsNotOrdered: it is said at the field, and nothing is
// stored.
func TestWhatTheLedgerWouldNotTakeIsNotOrdered(t *testing.T) {
	p := newPlace(t)
	work := p.campaign()
	for _, kind := range []complaintv1.Complaint_Type{complaintv1.Complaint_TYPE_COMPLAINT, complaintv1.Complaint_TYPE_REPORT} {
		name, desk := p.investigated(kind), p.Complaint(p.officer.Key)
		get := &complaintv1.GetComplaintRequest{Name: name}
		before := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), get))
		for _, x := range []struct {
			edit          func(*complaintv1.RectifyComplaintRequest)
			reason, field string
		}{
			{func(r *complaintv1.RectifyComplaintRequest) { r.Campaign = "campaigns/none" }, "LEDGER_CAMPAIGN_UNKNOWN", "campaign"},
			{func(r *complaintv1.RectifyComplaintRequest) { r.Campaign, r.Category = work, "NOPE" }, "PROBLEM_CATEGORY_UNKNOWN", "category"},
			{func(r *complaintv1.RectifyComplaintRequest) { r.Campaign, r.Category, r.Item = work, "SLOW", "NOPE" }, "PROBLEM_CATEGORY_UNKNOWN", "item"},
			{func(r *complaintv1.RectifyComplaintRequest) { r.Deadline = "2020-01-01" }, "PROBLEM_DEADLINE_OUTSIDE", "deadline"},
		} {
			order := rectify(name)
			x.edit(order)
			_, err := desk.RectifyComplaint(t.Context(), order)
			if f := fault.As(err); f == nil || f.Reason != x.reason || len(f.Fields) != 1 || f.Fields[0].Path != x.field {
				t.Errorf("%v = %v, want %s at %s", order, err, x.reason, x.field)
			}
			order.Name = "complaints/none"
			refused[*complaintv1.Complaint](t, authz.ErrNotFound)(desk.RectifyComplaint(t.Context(), order))
		}
		if after := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), get)); !proto.Equal(before, after) {
			t.Errorf("after refusals it is %v", after)
		}
	}
	ledgers := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(p.Rectification(p.schoolLeader.Key).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{Unit: p.school}))
	for _, l := range ledgers.GetLedgers() {
		if l.GetCampaign() == "" || l.GetProblemCount() != 0 {
			t.Errorf("refusals leave %v", l)
		}
	}
}

// TestNothingIsOrderedOfLedgersThatCannotBeReached: it is said at once.
func TestNothingIsOrderedOfLedgersThatCannotBeReached(t *testing.T) {
	p := furnish(suitetest.Split(t))
	name, desk := p.investigated(complaintv1.Complaint_TYPE_COMPLAINT), p.Complaint(p.officer.Key)
	p.Without("rectification", func() {
		if _, err := desk.RectifyComplaint(t.Context(), rectify(name)); status.Code(err) != codes.Unavailable {
			t.Errorf("without the ledgers: %v", err)
		}
		if c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name})); c.GetRectification() != 0 {
			t.Errorf("it is on order all the same: %v", c)
		}
	})
}

// campaign publishes one with a category.
func (p *place) campaign() string {
	p.T.Helper()
	lead := p.Campaign(p.Person(p.city, leader).Key)
	c := suitetest.OK[*campaignv1.Campaign](p.T)(lead.CreateCampaign(p.T.Context(), &campaignv1.CreateCampaignRequest{
		Campaign: &campaignv1.Campaign{
			Owner: p.city, DisplayName: "活动",
			Phases:     []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-02-14", EndDate: "2026-04-30"}},
			Categories: []*campaignv1.Category{{Code: "SLOW", Name: "慢", Items: []*campaignv1.Item{{Code: "SLOW-1", Text: "拖拉"}}}},
			Filing:     &campaignv1.Filing{DueDate: "2026-04-05"},
			Tasks:      []*campaignv1.Task{{Code: "T1", Title: "任务", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-04-01", NilReturn: true}},
		},
	}))
	suitetest.OK[*campaignv1.Campaign](p.T)(lead.PublishCampaign(p.T.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()}))
	return c.GetName()
}

// TestTheLinkOfASealedCaseLiesOnItsSideAlone: neither store names the other's
// record in the open, and the ledger has nothing of the case but the officer's
// words.
func TestTheLinkOfASealedCaseLiesOnItsSideAlone(t *testing.T) {
	folder := t.TempDir()
	p := furnish(suitetest.Run(&captured{TB: t, folder: folder}))
	name, desk := p.investigated(complaintv1.Complaint_TYPE_REPORT), p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.RectifyComplaint(t.Context(), rectify(name)))
	p.settled(1)
	problems := p.problems()
	opened := suitetest.OK[*complaintv1.OpenComplaintResponse](t)(desk.OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_RECTIFICATION}))
	if len(problems) != 1 || opened.GetComplaint().GetProblem() != problems[0].GetName() {
		t.Fatalf("the case %v, the ledger %v", opened, problems)
	}
	if c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name})); c.GetProblem() != "" || c.GetRectification() != 0 {
		t.Errorf("in the open lies %v", c)
	}
	p.Stop()
	_, id, _ := strings.Cut(name, "/")
	for file, secrets := range map[string][]string{"rectification": {id, "canary-text"}, "complaint": {problems[0].GetName(), "canary-text"}} {
		b := suitetest.OK[[]byte](t)(os.ReadFile(p.Store(file)))
		for _, secret := range secrets {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has %q", file, secret)
			}
		}
	}
}
