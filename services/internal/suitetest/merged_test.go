package suitetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestTheHeirGoesOnInEveryService: a school is merged into one of another district
// (撤并), and every service goes by it, in one process as in many.
func TestTheHeirGoesOnInEveryService(t *testing.T) {
	for how, open := range map[string]func(testing.TB) *suitetest.Suite{"in one process": suitetest.Run, "in many": suitetest.Split} {
		t.Run(how, func(t *testing.T) {
			w := town(open(t))
			assignment, problem, report, round := w.assigned(t), w.found(t), w.reported(t), w.rated(t)
			suitetest.OK[*organizationv1.Unit](t)(w.Organization(w.SystemAdmin).MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: w.school, Into: w.heir}))
			w.CatchUp()
			w.receives(t, assignment)
			w.plans(t, problem)
			w.hearsNothing(t, report)
			w.issuesNothing(t, round)
			w.finds(t, aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM)
		})
	}
}

// districts are two of them with a school each, and the people of both.
type districts struct {
	*suitetest.Suite
	old, next, school, heir string

	schoolClerk, clerk, leader, inside suitetest.Person // of the school, of its heir, and of the heir with an office in the old district
	superior, former, chief, officer   suitetest.Person // of the heir's district, and of the old one
}

func town(s *suitetest.Suite) *districts {
	w := &districts{Suite: s}
	w.old, w.next = s.Unit("old", s.Root, organizationv1.Unit_KIND_DISTRICT), s.Unit("next", s.Root, organizationv1.Unit_KIND_DISTRICT)
	w.school, w.heir = s.Unit("school", w.old, organizationv1.Unit_KIND_SCHOOL), s.Unit("heir", w.next, organizationv1.Unit_KIND_SCHOOL)
	w.schoolClerk, w.clerk, w.leader = s.Person(w.school, accessv1.Role_ROLE_CLERK), s.Person(w.heir, accessv1.Role_ROLE_CLERK), s.Person(w.heir, accessv1.Role_ROLE_LEADER)
	w.superior, w.former = s.Person(w.next, accessv1.Role_ROLE_SUPERVISOR), s.Person(w.old, accessv1.Role_ROLE_SUPERVISOR)
	w.chief = s.Person(w.old, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_CLERK)
	w.officer = s.Person(w.old, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	w.inside = s.Person(w.heir)
	s.Grant(w.inside.Name, w.old, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	s.Grant(w.inside.Name, w.old, accessv1.Role_ROLE_REGISTRAR)
	return w
}

func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// assigned is what a campaign of the old district gives the school to do.
func (w *districts) assigned(t *testing.T) string {
	t.Helper()
	chief := w.Campaign(w.chief.Key)
	c := suitetest.OK[*campaignv1.Campaign](t)(chief.CreateCampaign(t.Context(), &campaignv1.CreateCampaignRequest{Campaign: &campaignv1.Campaign{
		Owner: w.old, DisplayName: "演示活动",
		Phases: []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-02-14", EndDate: "2026-03-05"}},
		Tasks: []*campaignv1.Task{{
			Code: "T1", Title: "一", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-03-01", NilReturn: true,
		}},
	}}))
	suitetest.OK[*campaignv1.Campaign](t)(chief.PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()}))
	return c.GetName() + "/assignments/t1-school"
}

// found is a problem that the school found itself.
func (w *districts) found(t *testing.T) string {
	t.Helper()
	clerk := w.Rectification(w.schoolClerk.Key)
	l := suitetest.OK[*rectificationv1.Ledger](t)(clerk.CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: w.school}}))
	return suitetest.OK[*rectificationv1.Problem](t)(clerk.CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: &rectificationv1.Problem{
		Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK, Description: "问题",
	}})).GetName()
}

// reported is a sealed case about the school, which the old district hears.
func (w *districts) reported(t *testing.T) string {
	t.Helper()
	c := suitetest.OK[*complaintv1.CreateComplaintResponse](t)(w.Complaint(w.chief.Key).CreateComplaint(t.Context(), &complaintv1.CreateComplaintRequest{
		Intake: w.old, Complaint: &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_REPORT, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: w.school, Text: "食堂饭菜不热"},
	}))
	return c.GetComplaint().GetName()
}

// rated is a round that rates the school.
func (w *districts) rated(t *testing.T) string {
	t.Helper()
	former := w.Evaluation(w.former.Key)
	r := suitetest.OK[*evaluationv1.Round](t)(former.CreateRound(t.Context(), &evaluationv1.CreateRoundRequest{Round: &evaluationv1.Round{
		Owner: w.old, DisplayName: "行风评议", Scheme: "evaluationSchemes/conduct", Subjects: []string{w.school},
		Groups: []*evaluationv1.RaterGroup{{Code: "served", Credentials: 10}}, StartDate: "2026-02-09", EndDate: "2026-02-13",
	}}))
	suitetest.OK[*evaluationv1.Round](t)(former.OpenRound(t.Context(), &evaluationv1.OpenRoundRequest{Name: r.GetName()}))
	return r.GetName()
}

// receives: the heir receives and submits, and who stands above it approves; nobody
// of the school or of where it was does anything any more.
func (w *districts) receives(t *testing.T, assignment string) {
	t.Helper()
	receive := &campaignv1.ReceiveAssignmentRequest{Name: assignment}
	_, err := w.Campaign(w.schoolClerk.Key).ReceiveAssignment(t.Context(), receive)
	refused(t, "receiving without a grant", err, authz.ErrDenied)
	_, err = w.Campaign(w.superior.Key).ReceiveAssignment(t.Context(), receive)
	refused(t, "receiving from above", err, authz.ErrDenied)
	clerk := w.Campaign(w.clerk.Key)
	received := suitetest.OK[*campaignv1.Assignment](t)(clerk.ReceiveAssignment(t.Context(), receive))
	if received.GetState() != campaignv1.Assignment_STATE_RECEIVED || received.GetUnit() != w.school {
		t.Errorf("received: %v", received)
	}
	suitetest.OK[*campaignv1.Assignment](t)(clerk.SubmitAssignment(t.Context(), &campaignv1.SubmitAssignmentRequest{Name: assignment, Summary: "零报告", NilReturn: true}))
	approve := &campaignv1.ApproveAssignmentRequest{Name: assignment}
	_, err = w.Campaign(w.leader.Key).ApproveAssignment(t.Context(), approve)
	refused(t, "approving one's own", err, authz.ErrDenied)
	suitetest.OK[*campaignv1.Assignment](t)(w.Campaign(w.superior.Key).ApproveAssignment(t.Context(), approve))
}

func (w *districts) plans(t *testing.T, problem string) {
	t.Helper()
	plan := &rectificationv1.PlanProblemRequest{
		Name: problem, Cause: "原因", Measures: "措施", Deadline: "2026-04-30", LeaderResponsible: w.leader.Name, PersonResponsible: w.clerk.Name,
	}
	_, err := w.Rectification(w.former.Key).PlanProblem(t.Context(), plan)
	refused(t, "planning where it was", err, authz.ErrDenied)
	suitetest.OK[*rectificationv1.Problem](t)(w.Rectification(w.clerk.Key).PlanProblem(t.Context(), plan))
}

func (w *districts) hearsNothing(t *testing.T, report string) {
	t.Helper()
	accept := &complaintv1.AcceptComplaintRequest{Name: report}
	_, err := w.Complaint(w.inside.Key).AcceptComplaint(t.Context(), accept)
	refused(t, "an officer who belongs to the heir", err, authz.ErrNotFound)
	suitetest.OK[*complaintv1.Complaint](t)(w.Complaint(w.officer.Key).AcceptComplaint(t.Context(), accept))
}

func (w *districts) issuesNothing(t *testing.T, round string) {
	t.Helper()
	_, err := w.Evaluation(w.inside.Key).IssueCredentials(t.Context(), &evaluationv1.IssueCredentialsRequest{Parent: round, Group: "served", Count: 1})
	refused(t, "a registrar who belongs to the heir", err, evaluation.ErrIssuerEvaluated)
}

// finds waits until this alone awaits the heir's leader.
func (w *districts) finds(t *testing.T, want aggregationv1.WorkItem_Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		list := suitetest.OK[*aggregationv1.ListWorkItemsResponse](t)(w.Aggregation(w.leader.Key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: "units/-"}))
		if items := list.GetWorkItems(); len(items) == 1 && items[0].GetAction() == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the heir's leader is awaited by %v, want %v", list, want)
		}
	}
}
