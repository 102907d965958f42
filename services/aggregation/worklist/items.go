// Package worklist says what awaits whom (待办): what a record of any service
// asks of which unit, by when and of which roles, and keeps that in lists by due
// date, for every unit and for those above it, in the transaction that counts the
// record's entry. What is kept never depends on the clock; lights and days left
// are worked out when it is read. Who may read a list and who may urge is decided
// by the server.
package worklist

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/deadline"
)

// Item is what a record asks of a unit.
type Item = aggregationv1.WorkItem

// side says whose turn it is: that of the unit whose record it is, or that of the
// unit directly above it.
type side bool

const (
	own   side = false
	above side = true
)

// duty is what is to be done, by whose side and by which roles.
type duty struct {
	side  side
	roles []accessv1.Role
}

const (
	head       = accessv1.Role_ROLE_HEAD
	leader     = accessv1.Role_ROLE_LEADER
	clerk      = accessv1.Role_ROLE_CLERK
	supervisor = accessv1.Role_ROLE_SUPERVISOR
	reporter   = accessv1.Role_ROLE_REPORTER
)

var (
	superiors = []accessv1.Role{supervisor, leader}
	leaders   = []accessv1.Role{leader, head}
)

// duties are those of every action, by the roles that the contract names at its method. Who
// verifies and closes a problem it leaves to what the rules say of that: a superior or, of
// what the unit found itself or of the topmost unit's, the unit's own leaders, see problem
// and turn; so of an extension on which a bureau is to decide.
var duties = map[aggregationv1.WorkItem_Action]duty{
	aggregationv1.WorkItem_ACTION_RECEIVE_ASSIGNMENT:  {own, authz.Roles(campaignv1.CampaignService_ReceiveAssignment_FullMethodName)},
	aggregationv1.WorkItem_ACTION_SUBMIT_ASSIGNMENT:   {own, authz.Roles(campaignv1.CampaignService_SubmitAssignment_FullMethodName)},
	aggregationv1.WorkItem_ACTION_REVIEW_ASSIGNMENT:   {above, authz.Roles(campaignv1.CampaignService_ApproveAssignment_FullMethodName)},
	aggregationv1.WorkItem_ACTION_OPEN_LEDGER:         {own, authz.Roles(rectificationv1.RectificationService_CreateLedger_FullMethodName)},
	aggregationv1.WorkItem_ACTION_SIGN_LEDGER:         {own, authz.Roles(rectificationv1.RectificationService_SignLedger_FullMethodName)},
	aggregationv1.WorkItem_ACTION_FILE_LEDGER:         {own, authz.Roles(rectificationv1.RectificationService_FileLedger_FullMethodName)},
	aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER:  {above, authz.Roles(rectificationv1.RectificationService_AcknowledgeLedger_FullMethodName)},
	aggregationv1.WorkItem_ACTION_PLAN_PROBLEM:        {own, authz.Roles(rectificationv1.RectificationService_PlanProblem_FullMethodName)},
	aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM:     {own, authz.Roles(rectificationv1.RectificationService_ProgressProblem_FullMethodName)},
	aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM:      {above, superiors},
	aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM:       {above, superiors},
	aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION:    {above, authz.Roles(rectificationv1.RectificationService_ApproveExtension_FullMethodName)},
	aggregationv1.WorkItem_ACTION_CONCLUDE_INSPECTION: {own, authz.Roles(rectificationv1.RectificationService_ConcludeInspection_FullMethodName)},
	aggregationv1.WorkItem_ACTION_CLOSE_ROUND:         {own, authz.Roles(evaluationv1.EvaluationService_CloseRound_FullMethodName)},
	aggregationv1.WorkItem_ACTION_TALLY_ROUND:         {own, authz.Roles(evaluationv1.EvaluationService_TallyRound_FullMethodName)},
	aggregationv1.WorkItem_ACTION_PUBLISH_ROUND:       {own, authz.Roles(evaluationv1.EvaluationService_PublishRound_FullMethodName)},
	aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT:    {own, authz.Roles(complaintv1.ComplaintService_AcceptComplaint_FullMethodName)},
	aggregationv1.WorkItem_ACTION_ASSIGN_COMPLAINT:    {own, authz.Roles(complaintv1.ComplaintService_AssignComplaint_FullMethodName)},
	aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT:     {own, authz.Roles(complaintv1.ComplaintService_ReplyComplaint_FullMethodName)},
	aggregationv1.WorkItem_ACTION_CLOSE_COMPLAINT:     {own, authz.Roles(complaintv1.ComplaintService_CloseComplaint_FullMethodName)},
	aggregationv1.WorkItem_ACTION_REVIEW_REPORT:       {above, authz.Roles(aggregationv1.AggregationService_AcceptReport_FullMethodName)},
	// Machines send it; those who answer for the unit see to it.
	aggregationv1.WorkItem_ACTION_SUBMIT_REPORT: {own, []accessv1.Role{reporter, clerk, leader, head}},
}

// Of returns what a record asks for, at most one item for each action. Records of
// other kinds, those that are gone and sealed cases ask for nothing.
func Of(body proto.Message) []*Item {
	switch r := body.(type) {
	case *campaignv1.Assignment:
		return assignment(r)
	case *rectificationv1.Ledger:
		return ledger(r)
	case *rectificationv1.Problem:
		return problem(r)
	case *rectificationv1.Inspection:
		return inspection(r)
	case *evaluationv1.Round:
		return round(r)
	case *complaintv1.Complaint:
		return complaint(r)
	case *aggregationv1.Report:
		return report(r)
	default:
		return nil
	}
}

// Owed is a report by a form that a unit owes for a period, since a day. What is
// owed follows from the clock and from no record: it is worked out when it is read.
func Owed(unit, form, period, since, due string) *Item {
	const action = aggregationv1.WorkItem_ACTION_SUBMIT_REPORT
	subject := form + "/dues/" + period + "." + strings.TrimPrefix(unit, "units/")
	return &Item{Unit: unit, Owner: unit, Subject: subject, Action: action, DueDate: due, SinceDate: since, Roles: duties[action].roles}
}

// Below says whether the record that the item is about is an installation's below.
func Below(item *Item) bool { return strings.HasPrefix(item.GetSubject(), "installations/") }

// InOffice says whether the item is done by those alone who hold a post in its unit on the
// day, beside the role: who signs or inspects for it, or decides on what it found itself.
func InOffice(item *Item) bool {
	switch item.GetAction() {
	case aggregationv1.WorkItem_ACTION_SIGN_LEDGER, aggregationv1.WorkItem_ACTION_CONCLUDE_INSPECTION:
		return true
	case aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM:
		return item.GetUnit() == item.GetOwner()
	default:
		return false
	}
}

// record is what every record has that something can be asked for by.
type record interface {
	GetName() string
	GetUpdateTime() *timestamppb.Timestamp
}

// ask is one item about a record of a unit; of no action, none.
func ask(r record, unit, campaign string, action aggregationv1.WorkItem_Action, due string) []*Item {
	if action == aggregationv1.WorkItem_ACTION_UNSPECIFIED || unit == "" {
		return nil
	}
	return []*Item{{Subject: r.GetName(), Owner: unit, Campaign: campaign, Action: action, DueDate: due, Roles: duties[action].roles}}
}

// assignment asks for nothing in a closed campaign, where it changes no more, and of a
// unit that was archived for nothing but what was due before.
func assignment(a *campaignv1.Assignment) []*Item {
	if a.GetCampaignCloseDate() != "" {
		return nil
	}
	var action aggregationv1.WorkItem_Action
	due := deadline.SubmittedBy(a)
	switch a.GetState() {
	case campaignv1.Assignment_STATE_ISSUED:
		action = aggregationv1.WorkItem_ACTION_RECEIVE_ASSIGNMENT
	case campaignv1.Assignment_STATE_RECEIVED, campaignv1.Assignment_STATE_RETURNED:
		action = aggregationv1.WorkItem_ACTION_SUBMIT_ASSIGNMENT
	case campaignv1.Assignment_STATE_SUBMITTED:
		return ask(a, a.GetUnit(), a.GetCampaign(), aggregationv1.WorkItem_ACTION_REVIEW_ASSIGNMENT, "")
	}
	if due == "" && a.GetUnitArchiveDate() != "" {
		return nil
	}
	return ask(a, a.GetUnit(), a.GetCampaign(), action, due)
}

// ledger asks for a signature where something is to be filed: by a day, again as it
// was returned, or because the content has changed since; for one that is not begun, to
// be opened. While a supplement is made of what the superior has not answered, the unit
// keeps that from an answer: it is filed by the day of that. In a closed campaign nothing is signed for the first time; what was signed
// is still filed, with no day that comes after. Of a unit that was archived nothing is
// asked but what was due before.
func ledger(l *rectificationv1.Ledger) []*Item {
	var action aggregationv1.WorkItem_Action
	due := cmp.Or(deadline.FiledBy(l), deadline.AnsweredBy(l))
	switch l.GetState() {
	case rectificationv1.Ledger_STATE_FILED:
		return ask(l, l.GetUnit(), l.GetCampaign(), aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER, deadline.AnsweredBy(l))
	case rectificationv1.Ledger_STATE_SIGNED:
		action = aggregationv1.WorkItem_ACTION_FILE_LEDGER
	case rectificationv1.Ledger_STATE_RETURNED:
		action = aggregationv1.WorkItem_ACTION_SIGN_LEDGER
	default:
		if (due != "" && l.GetCampaignCloseDate() == "") || l.GetPendingChanges() {
			action = aggregationv1.WorkItem_ACTION_SIGN_LEDGER
		}
		if action != aggregationv1.WorkItem_ACTION_UNSPECIFIED && l.GetIssued() {
			action = aggregationv1.WorkItem_ACTION_OPEN_LEDGER
		}
	}
	if due == "" && l.GetUnitArchiveDate() != "" {
		return nil
	}
	return ask(l, l.GetUnit(), l.GetCampaign(), action, due)
}

func inspection(i *rectificationv1.Inspection) []*Item {
	if i.GetState() == rectificationv1.Inspection_STATE_CONCLUDED {
		return nil
	}
	return ask(i, i.GetUnit(), i.GetCampaign(), aggregationv1.WorkItem_ACTION_CONCLUDE_INSPECTION, "")
}

func round(r *evaluationv1.Round) []*Item {
	var action aggregationv1.WorkItem_Action
	due := ""
	switch r.GetState() {
	case evaluationv1.Round_STATE_OPEN:
		action, due = aggregationv1.WorkItem_ACTION_CLOSE_ROUND, r.GetEndDate()
	case evaluationv1.Round_STATE_CLOSED:
		action = aggregationv1.WorkItem_ACTION_TALLY_ROUND
	case evaluationv1.Round_STATE_TALLIED:
		action = aggregationv1.WorkItem_ACTION_PUBLISH_ROUND
	}
	items := ask(r, r.GetOwner(), "", action, due)
	for _, item := range items {
		item.Rated = r.GetSubjects()
	}
	return items
}

// complaint asks the desk to decide, to assign and to close, and to answer what it assigned to
// nobody else (自办), of which who belongs to the unit concerned is not to hear; and another
// that it is assigned to for the answer. A sealed case is in no list: who may know of it only
// its own service can say.
func complaint(c *complaintv1.Complaint) []*Item {
	if c.GetSealed() || c.GetAboutHead() || c.GetType() == complaintv1.Complaint_TYPE_REPORT {
		return nil
	}
	switch c.GetState() {
	case complaintv1.Complaint_STATE_RECEIVED:
		return atDesk(c, aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT, deadline.TakenUpBy(c.GetDecideDue().GetDate(), c.GetFinishDue().GetDate()))
	case complaintv1.Complaint_STATE_ACCEPTED:
		return atDesk(c, aggregationv1.WorkItem_ACTION_ASSIGN_COMPLAINT, c.GetFinishDue().GetDate())
	case complaintv1.Complaint_STATE_INVESTIGATING:
		if unit := c.GetAssignedUnit(); unit != "" && unit != c.GetDesk() {
			return ask(c, unit, "", aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT, c.GetFinishDue().GetDate())
		}
		return atDesk(c, aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT, c.GetFinishDue().GetDate())
	case complaintv1.Complaint_STATE_REPLIED:
		return atDesk(c, aggregationv1.WorkItem_ACTION_CLOSE_COMPLAINT, "")
	default:
		return nil
	}
}

// atDesk is what a complaint asks of its desk.
func atDesk(c *complaintv1.Complaint, action aggregationv1.WorkItem_Action, due string) []*Item {
	items := ask(c, c.GetDesk(), "", action, due)
	for _, item := range items {
		item.Concerned = c.GetUnit()
	}
	return items
}

func report(r *aggregationv1.Report) []*Item {
	if r.GetState() != aggregationv1.Report_STATE_SUBMITTED {
		return nil
	}
	return ask(r, r.GetUnit(), "", aggregationv1.WorkItem_ACTION_REVIEW_REPORT, "")
}
