package worklist_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/complaint"
)

func task(state campaignv1.Assignment_State) proto.Message {
	return &campaignv1.Assignment{Name: "campaigns/c/assignments/a", Unit: "units/u", State: state, DueDate: "2026-03-01"}
}

// sentBack is a task that was returned, of a unit that was archived on a day.
func sentBack(archived string) proto.Message {
	return &campaignv1.Assignment{
		Name: "campaigns/c/assignments/a", Unit: "units/u", State: campaignv1.Assignment_STATE_RETURNED, DueDate: "2026-03-01",
		CorrectionDueDate: "2026-03-12", UnitArchiveDate: archived,
	}
}

func ledger(state rectificationv1.Ledger_State, bend func(*rectificationv1.Ledger)) proto.Message {
	l := &rectificationv1.Ledger{Name: "ledgers/l", Unit: "units/u", State: state, FilingDueDate: "2026-04-05"}
	bend(l)
	return l
}

func problem(state rectificationv1.Problem_State, source rectificationv1.Problem_Source, extensions ...*rectificationv1.Extension) proto.Message {
	return &rectificationv1.Problem{Name: "ledgers/l/problems/0001", Unit: "units/u", State: state, Source: source, Deadline: "2026-05-01", Extensions: extensions}
}

func voice(state complaintv1.Complaint_State, bend func(*complaintv1.Complaint)) proto.Message {
	c := &complaintv1.Complaint{
		Name: "complaints/c", Unit: "units/accused", Desk: "units/desk", State: state, Type: complaintv1.Complaint_TYPE_COMPLAINT,
		DecideDue: &complaintv1.Due{Date: "2026-03-08"}, FinishDue: &complaintv1.Due{Date: "2026-05-08"},
	}
	bend(c)
	return c
}

func same[T any](T) {}

// asked is an item as the tables write it: action, whose record, unit if it is
// fixed, due date.
type asked struct {
	action           aggregationv1.WorkItem_Action
	owner, unit, due string
}

func TestWhatRecordsAskFor(t *testing.T) {
	const u, desk = "units/u", "units/desk"
	self, other := rectificationv1.Problem_SOURCE_SELF_CHECK, rectificationv1.Problem_SOURCE_SUPERIOR
	for name, c := range map[string]struct {
		body proto.Message
		want []asked
	}{
		"an issued task":                              {task(campaignv1.Assignment_STATE_ISSUED), []asked{{aggregationv1.WorkItem_ACTION_RECEIVE_ASSIGNMENT, u, "", "2026-03-01"}}},
		"a received task":                             {task(campaignv1.Assignment_STATE_RECEIVED), []asked{{aggregationv1.WorkItem_ACTION_SUBMIT_ASSIGNMENT, u, "", "2026-03-01"}}},
		"a returned task":                             {sentBack(""), []asked{{aggregationv1.WorkItem_ACTION_SUBMIT_ASSIGNMENT, u, "", "2026-03-12"}}},
		"one whose unit is gone":                      {sentBack("2026-03-11"), nil},
		"one that was due":                            {sentBack("2026-03-12"), []asked{{aggregationv1.WorkItem_ACTION_SUBMIT_ASSIGNMENT, u, "", "2026-03-12"}}},
		"one that was returned before days were kept": {task(campaignv1.Assignment_STATE_RETURNED), []asked{{aggregationv1.WorkItem_ACTION_SUBMIT_ASSIGNMENT, u, "", "2026-03-01"}}},
		"a submitted task":                            {task(campaignv1.Assignment_STATE_SUBMITTED), []asked{{aggregationv1.WorkItem_ACTION_REVIEW_ASSIGNMENT, u, "", ""}}},
		"an approved task":                            {task(campaignv1.Assignment_STATE_APPROVED), nil},
		"an open ledger":                              {ledger(rectificationv1.Ledger_STATE_OPEN, same), []asked{{aggregationv1.WorkItem_ACTION_SIGN_LEDGER, u, "", "2026-04-05"}}},
		"an issued ledger":                            {ledger(rectificationv1.Ledger_STATE_OPEN, func(l *rectificationv1.Ledger) { l.Issued = true }), []asked{{aggregationv1.WorkItem_ACTION_OPEN_LEDGER, u, "", "2026-04-05"}}},
		"one of a closed campaign":                    {ledger(rectificationv1.Ledger_STATE_OPEN, func(l *rectificationv1.Ledger) { l.Issued, l.CampaignCloseDate = true, "2026-05-01" }), nil},
		"one of an archived unit":                     {ledger(rectificationv1.Ledger_STATE_SIGNED, func(l *rectificationv1.Ledger) { l.UnitArchiveDate = "2026-04-04" }), nil},
		"one that was due before": {
			ledger(rectificationv1.Ledger_STATE_SIGNED, func(l *rectificationv1.Ledger) { l.UnitArchiveDate = "2026-04-05" }),
			[]asked{{aggregationv1.WorkItem_ACTION_FILE_LEDGER, u, "", "2026-04-05"}},
		},
		"a returned ledger": {
			ledger(rectificationv1.Ledger_STATE_RETURNED, returned), []asked{{aggregationv1.WorkItem_ACTION_SIGN_LEDGER, u, "", "2026-04-15"}},
		},
		"one that is worked on again": {
			ledger(rectificationv1.Ledger_STATE_OPEN, func(l *rectificationv1.Ledger) { returned(l); l.PendingChanges = true }),
			[]asked{{aggregationv1.WorkItem_ACTION_SIGN_LEDGER, u, "", "2026-04-15"}},
		},
		"one that the end of its campaign found returned": {
			ledger(rectificationv1.Ledger_STATE_RETURNED, func(l *rectificationv1.Ledger) { returned(l); l.CampaignCloseDate = "2026-04-10" }),
			[]asked{{aggregationv1.WorkItem_ACTION_SIGN_LEDGER, u, "", "2026-04-15"}},
		},
		"a returned supplement": {
			ledger(rectificationv1.Ledger_STATE_RETURNED, func(l *rectificationv1.Ledger) { returned(l); l.AcknowledgedVersion = 1 }),
			[]asked{{aggregationv1.WorkItem_ACTION_SIGN_LEDGER, u, "", ""}},
		},
		"a standing ledger": {ledger(rectificationv1.Ledger_STATE_OPEN, func(l *rectificationv1.Ledger) { l.FilingDueDate = "" }), nil},
		"a signed ledger":   {ledger(rectificationv1.Ledger_STATE_SIGNED, same), []asked{{aggregationv1.WorkItem_ACTION_FILE_LEDGER, u, "", "2026-04-05"}}},
		"a filed ledger": {
			ledger(rectificationv1.Ledger_STATE_FILED, func(l *rectificationv1.Ledger) { l.Version = 1 }),
			[]asked{{aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER, u, "", ""}},
		},
		"one that awaits an answer": {
			ledger(rectificationv1.Ledger_STATE_FILED, unanswered), []asked{{aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER, u, "", "2026-04-24"}},
		},
		"one whose campaign ended before that": {
			ledger(rectificationv1.Ledger_STATE_FILED, func(l *rectificationv1.Ledger) { unanswered(l); l.CampaignCloseDate = "2026-04-23" }),
			[]asked{{aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER, u, "", ""}},
		},
		"one whose unit is archived that day": {
			ledger(rectificationv1.Ledger_STATE_FILED, func(l *rectificationv1.Ledger) { unanswered(l); l.UnitArchiveDate = "2026-04-24" }),
			[]asked{{aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER, u, "", "2026-04-24"}},
		},
		"a supplement of what awaits an answer": {
			ledger(rectificationv1.Ledger_STATE_SIGNED, unanswered), []asked{{aggregationv1.WorkItem_ACTION_FILE_LEDGER, u, "", "2026-04-24"}},
		},
		"an acknowledged ledger": {ledger(rectificationv1.Ledger_STATE_ACKNOWLEDGED, func(l *rectificationv1.Ledger) { l.Version = 1 }), nil},
		"a changed ledger": {
			ledger(rectificationv1.Ledger_STATE_ACKNOWLEDGED, func(l *rectificationv1.Ledger) { l.Version, l.PendingChanges = 1, true }),
			[]asked{{aggregationv1.WorkItem_ACTION_SIGN_LEDGER, u, "", ""}},
		},
		"a new problem":                        {problem(rectificationv1.Problem_STATE_IDENTIFIED, other), []asked{{aggregationv1.WorkItem_ACTION_PLAN_PROBLEM, u, "", "2026-05-01"}}},
		"a planned problem":                    {problem(rectificationv1.Problem_STATE_PLANNED, other), []asked{{aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM, u, "", "2026-05-01"}}},
		"a reopened problem":                   {problem(rectificationv1.Problem_STATE_REOPENED, other), []asked{{aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM, u, "", "2026-05-01"}}},
		"a superior's problem":                 {problem(rectificationv1.Problem_STATE_SUBMITTED, other), []asked{{aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, u, "", "2026-05-01"}}},
		"the unit's own problem":               {problem(rectificationv1.Problem_STATE_VERIFIED, self), []asked{{aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM, u, u, "2026-05-01"}}},
		"a closed problem":                     {problem(rectificationv1.Problem_STATE_CLOSED, other), nil},
		"a cancelled problem":                  {problem(rectificationv1.Problem_STATE_CANCELLED, other), nil},
		"nobody decides on what is struck off": {problem(rectificationv1.Problem_STATE_CLOSED, other, &rectificationv1.Extension{State: rectificationv1.Extension_STATE_ASKED}), nil},
		"nor on what is cancelled":             {problem(rectificationv1.Problem_STATE_CANCELLED, other, &rectificationv1.Extension{State: rectificationv1.Extension_STATE_ASKED}), nil},
		"an extension that stands":             {problem(rectificationv1.Problem_STATE_CLOSED, other, &rectificationv1.Extension{State: rectificationv1.Extension_STATE_APPROVED}), nil},
		"an extension that is asked for": {
			problem(rectificationv1.Problem_STATE_PLANNED, other, &rectificationv1.Extension{State: rectificationv1.Extension_STATE_ASKED}),
			[]asked{{aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM, u, "", "2026-05-01"}, {aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION, u, "", "2026-05-01"}},
		},
		"an inspection": {
			&rectificationv1.Inspection{Name: "inspections/i", Unit: u, State: rectificationv1.Inspection_STATE_RECORDED},
			[]asked{{aggregationv1.WorkItem_ACTION_CONCLUDE_INSPECTION, u, "", ""}},
		},
		"a concluded inspection": {&rectificationv1.Inspection{Unit: u, State: rectificationv1.Inspection_STATE_CONCLUDED}, nil},
		"an open round": {
			&evaluationv1.Round{Name: "rounds/r", Owner: u, State: evaluationv1.Round_STATE_OPEN, EndDate: "2026-09-01"},
			[]asked{{aggregationv1.WorkItem_ACTION_CLOSE_ROUND, u, "", "2026-09-01"}},
		},
		"a closed round":  {&evaluationv1.Round{Owner: u, State: evaluationv1.Round_STATE_CLOSED}, []asked{{aggregationv1.WorkItem_ACTION_TALLY_ROUND, u, "", ""}}},
		"a voided round":  {&evaluationv1.Round{Owner: u, State: evaluationv1.Round_STATE_VOIDED}, nil},
		"a tallied round": {&evaluationv1.Round{Owner: u, State: evaluationv1.Round_STATE_TALLIED}, []asked{{aggregationv1.WorkItem_ACTION_PUBLISH_ROUND, u, "", ""}}},
		"a complaint":     {voice(complaintv1.Complaint_STATE_RECEIVED, same), []asked{{aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT, desk, "", "2026-03-08"}}},
		"an enquiry, which has to be finished alone": {
			voice(complaintv1.Complaint_STATE_RECEIVED, func(c *complaintv1.Complaint) { c.DecideDue = nil }),
			[]asked{{aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT, desk, "", "2026-05-08"}},
		},
		"a complaint that is to be finished before it is to be decided": {
			voice(complaintv1.Complaint_STATE_RECEIVED, func(c *complaintv1.Complaint) { c.FinishDue.Date = "2026-03-01" }),
			[]asked{{aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT, desk, "", "2026-03-01"}},
		},
		"an accepted complaint": {
			voice(complaintv1.Complaint_STATE_ACCEPTED, same), []asked{{aggregationv1.WorkItem_ACTION_ASSIGN_COMPLAINT, desk, "", "2026-05-08"}},
		},
		"an assigned complaint": {
			voice(complaintv1.Complaint_STATE_INVESTIGATING, func(c *complaintv1.Complaint) { c.AssignedUnit = u }),
			[]asked{{aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT, u, "", "2026-05-08"}},
		},
		"a complaint that is replied to": {voice(complaintv1.Complaint_STATE_REPLIED, same), []asked{{aggregationv1.WorkItem_ACTION_CLOSE_COMPLAINT, desk, "", ""}}},
		"a sealed case":                  {voice(complaintv1.Complaint_STATE_RECEIVED, func(c *complaintv1.Complaint) { c.Sealed = true }), nil},
		"a case about a head":            {voice(complaintv1.Complaint_STATE_RECEIVED, func(c *complaintv1.Complaint) { c.AboutHead = true }), nil},
		"a report of misconduct":         {voice(complaintv1.Complaint_STATE_RECEIVED, func(c *complaintv1.Complaint) { c.Type = complaintv1.Complaint_TYPE_REPORT }), nil},
		"a report": {
			&aggregationv1.Report{Unit: u, State: aggregationv1.Report_STATE_SUBMITTED}, []asked{{aggregationv1.WorkItem_ACTION_REVIEW_REPORT, u, "", ""}},
		},
		"an accepted report": {&aggregationv1.Report{Unit: u, State: aggregationv1.Report_STATE_ACCEPTED}, nil},
		"nothing":            {nil, nil},
	} {
		var got []asked
		for _, item := range worklist.Of(c.body) {
			got = append(got, asked{item.GetAction(), item.GetOwner(), item.GetUnit(), item.GetDueDate()})
			if len(item.GetRoles()) == 0 {
				t.Errorf("%s: nobody can do %v", name, item)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s asks for %v, want %v", name, got, c.want)
		}
	}
}

func returned(l *rectificationv1.Ledger) {
	l.Version, l.ReturnReason, l.CorrectionDueDate = 1, "why", "2026-04-15"
}

func unanswered(l *rectificationv1.Ledger) { l.Version, l.AcknowledgeDueDate = 1, "2026-04-24" }

// What a unit found itself awaits its own leaders, all else the superior's.
func TestWhoClosesAProblem(t *testing.T) {
	for source, want := range map[rectificationv1.Problem_Source]accessv1.Role{
		rectificationv1.Problem_SOURCE_OUTREACH: accessv1.Role_ROLE_LEADER, rectificationv1.Problem_SOURCE_AUDIT: accessv1.Role_ROLE_SUPERVISOR,
	} {
		if roles := worklist.Of(problem(rectificationv1.Problem_STATE_VERIFIED, source))[0].GetRoles(); roles[0] != want {
			t.Errorf("a problem from %v is closed by %v", source, roles)
		}
	}
}

func TestLights(t *testing.T) {
	for due, want := range map[string]struct {
		light aggregationv1.WorkItem_Light
		left  int32
	}{
		"":           {aggregationv1.WorkItem_LIGHT_UNSPECIFIED, 0},
		"2026-03-09": {aggregationv1.WorkItem_LIGHT_RED, -1},
		"2026-03-10": {aggregationv1.WorkItem_LIGHT_YELLOW, 0},
		"2026-03-13": {aggregationv1.WorkItem_LIGHT_YELLOW, 3},
		"2026-03-14": {aggregationv1.WorkItem_LIGHT_GREEN, 4},
	} {
		lit, err := worklist.Shine(&worklist.Item{DueDate: due}, "2026-03-10")
		if err != nil || lit.GetLight() != want.light || lit.GetDaysLeft() != want.left || (lit.DaysUntilDue == nil) != (due == "") {
			t.Errorf("due on %q: %v, %v", due, lit, err)
		}
	}
}

// What a complaint asks for can be done in the state that it is in.
func TestAComplaintAsksForWhatCanBeDone(t *testing.T) {
	moves := map[aggregationv1.WorkItem_Action]complaint.Move{
		aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT: complaint.Accepting, aggregationv1.WorkItem_ACTION_ASSIGN_COMPLAINT: complaint.Assigning,
		aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT: complaint.Replying, aggregationv1.WorkItem_ACTION_CLOSE_COMPLAINT: complaint.Closing,
	}
	for number := range complaintv1.Complaint_State_name {
		state := complaintv1.Complaint_State(number)
		for _, item := range worklist.Of(&complaintv1.Complaint{Name: "complaints/c", Desk: "units/desk", State: state}) {
			if _, legal := complaint.Life.Next(state, moves[item.GetAction()]); !legal {
				t.Errorf("in %s it asks for %s", state, item.GetAction())
			}
		}
	}
}

// An extension awaits the bureau that decides on it, or else the one that found the problem.
func TestAnExtensionAwaitsWhoDecidesOnIt(t *testing.T) {
	for bureau, want := range map[string]string{"": "units/c", "units/p": "units/p"} {
		p := &rectificationv1.Problem{
			Name: "ledgers/l/problems/p", Unit: "units/s", FoundBy: "units/c", State: rectificationv1.Problem_STATE_SUBMITTED,
			Extensions: []*rectificationv1.Extension{{State: rectificationv1.Extension_STATE_ASKED, Bureau: bureau}},
		}
		items := worklist.Of(p)
		if len(items) != 2 || items[0].GetFoundBy() != "units/c" || items[1].GetFoundBy() != want {
			t.Errorf("decided by %q: %v, want that of %s", bureau, items, want)
		}
	}
}
