package aggregation

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
)

// FactOf returns what a record contributes. before is what it contributed until
// then, day the day on which the change took effect; a nil body says that the
// record is gone. Records of other kinds contribute nothing.
func FactOf(body proto.Message, before *Fact, day string) Fact {
	switch r := body.(type) {
	case *rectificationv1.Problem:
		return problem(r, before, day)
	case *rectificationv1.Ledger:
		return ledger(r, before, day)
	case *rectificationv1.Inspection:
		return inspection(r)
	case *campaignv1.Assignment:
		return assignment(r, before, day)
	case *complaintv1.Complaint:
		return complaint(r, before, day)
	case *evaluationv1.Round:
		return round(r)
	case *evaluationv1.Result:
		return result(r)
	default:
		return Fact{}
	}
}

// on is the civil day of a moment in China, or "".
func on(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return calendar.On(t.AsTime()).String()
}

// problem counts a problem (问题) of a ledger.
func problem(p *rectificationv1.Problem, before *Fact, day string) Fact {
	f := Fact{Cell: Cell{p.GetUnit(), p.GetCampaign(), category(p), source(p.GetSource())}, Accepted: p.GetAccepted()}
	f.carry(before, ProblemsReturned, int64(p.GetReturns()), day)
	f.carry(before, ProblemsReopened, int64(p.GetReopens()), day)
	if p.GetState() == rectificationv1.Problem_STATE_CANCELLED {
		f.once(before, ProblemsCancelled, day)
		return f
	}
	f.count(ProblemsFound, on(p.GetCreateTime()), 1)
	if p.GetState() == rectificationv1.Problem_STATE_CLOSED {
		f.count(ProblemsClosed, on(p.GetCloseTime()), 1)
		return f
	}
	f.count(ProblemsOpen, "", 1)
	f.count(ProblemsOverdue, p.GetDeadline(), 1)
	if m, ok := stages[p.GetState()]; ok {
		f.count(m, "", 1)
	}
	return f
}

// stages are the metrics of what stands in a state.
var stages = map[rectificationv1.Problem_State]Metric{
	rectificationv1.Problem_STATE_PLANNED:    ProblemsPlanned,
	rectificationv1.Problem_STATE_RECTIFYING: ProblemsRectifying,
	rectificationv1.Problem_STATE_RETURNED:   ProblemsRectifying,
	rectificationv1.Problem_STATE_REOPENED:   ProblemsRectifying,
	rectificationv1.Problem_STATE_SUBMITTED:  ProblemsSubmitted,
	rectificationv1.Problem_STATE_VERIFIED:   ProblemsSubmitted,
}

// sourcePrefix is what the names of sources of problems have in the contract.
const sourcePrefix = "SOURCE_"

// source names a source of problems as status asks for it.
func source(s rectificationv1.Problem_Source) string {
	if s == rectificationv1.Problem_SOURCE_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(s.String(), sourcePrefix)
}

// category is the one that a problem counts in: as it was accepted (已认可), whatever the
// unit has made of it since.
func category(p *rectificationv1.Problem) string {
	if c := p.GetAcceptedContent(); c != nil {
		return plain(c.GetCategory())
	}
	return plain(p.GetCategory())
}

// plain is a category that figures can be asked for: one with control
// characters counts as none.
func plain(category string) string {
	if strings.ContainsAny(category, "\x00\x01") {
		return ""
	}
	return category
}

// ledger counts the filing (报备) of a ledger, and that its superior has not answered.
// One that was returned (退回) is no filing, unless a version before it was acknowledged.
func ledger(l *rectificationv1.Ledger, before *Fact, day string) Fact {
	f := Fact{Cell: Cell{Unit: l.GetUnit(), Campaign: l.GetCampaign()}, Accepted: true}
	f.count(LedgersDue, deadline.Fallen(l.GetFilingDueDate(), l.GetCampaignCloseDate(), l.GetUnitArchiveDate()), 1)
	f.count(LedgersUnacknowledged, deadline.AnsweredBy(l), 1)
	if !deadline.Filed(l) {
		f.owe(LedgersOverdue, deadline.FiledBy(l))
		return f
	}
	if l.GetAcknowledgedVersion() > 0 {
		f.once(before, LedgersAcknowledged, day)
	}
	f.once(before, LedgersFiled, day)
	if l.GetFiledLate() {
		f.count(LedgersFiledLate, f.First(LedgersFiled), 1)
	}
	return f
}

// owe says that the unit owes the record by the day, if there is one, and as what it is
// overdue after it.
func (f *Fact) owe(as Metric, day string) {
	f.count(as, day, 1)
	f.count(ItemsMissing, day, 1)
	f.Owes = day
}

// inspection counts a concluded inspection (督导检查) at who inspected.
func inspection(i *rectificationv1.Inspection) Fact {
	f := Fact{Cell: Cell{Unit: i.GetUnit(), Campaign: i.GetCampaign()}, Accepted: true}
	if i.GetState() == rectificationv1.Inspection_STATE_CONCLUDED {
		f.count(InspectionsConcluded, on(i.GetConcludeTime()), 1)
	}
	return f
}

// assignment counts a task of one unit (任务). It is submitted while its submission stands;
// one that was returned (退回) is owed again by a day of its own.
func assignment(a *campaignv1.Assignment, before *Fact, day string) Fact {
	f := Fact{Cell: Cell{Unit: a.GetUnit(), Campaign: a.GetCampaign()}, Accepted: true}
	f.count(TasksDue, deadline.Fallen(a.GetDueDate(), a.GetCampaignCloseDate(), a.GetUnitArchiveDate()), 1)
	f.count(TasksReceived, on(a.GetReceiveTime()), 1)
	f.carry(before, TasksReturned, int64(a.GetReturns()), day)
	switch a.GetState() {
	case campaignv1.Assignment_STATE_SUBMITTED:
		f.submitted(a)
	case campaignv1.Assignment_STATE_APPROVED:
		f.submitted(a)
		f.count(TasksApproved, on(a.GetApproveTime()), 1)
	case campaignv1.Assignment_STATE_ISSUED, campaignv1.Assignment_STATE_RECEIVED, campaignv1.Assignment_STATE_RETURNED:
		f.owe(TasksOverdue, deadline.SubmittedBy(a))
	}
	return f
}

// submitted counts the submission of a task that stands.
func (f *Fact) submitted(a *campaignv1.Assignment) {
	f.count(TasksSubmitted, on(a.GetSubmitTime()), 1)
	if a.GetLate() {
		f.count(TasksLate, on(a.GetSubmitTime()), 1)
	}
}

// complaint counts a complaint of the open types (公开类投诉) at the unit that it
// concerns. A sealed one is no figure at all.
func complaint(c *complaintv1.Complaint, before *Fact, day string) Fact {
	if c.GetSealed() || c.GetAboutHead() || c.GetType() == complaintv1.Complaint_TYPE_REPORT {
		return Fact{}
	}
	f := Fact{Cell: Cell{Unit: c.GetUnit()}, Accepted: true}
	f.count(ComplaintsReceived, on(c.GetCreateTime()), 1)
	if accepted := on(c.GetAcceptTime()); accepted != "" {
		f.count(ComplaintsAccepted, accepted, 1)
		if due := c.GetDecideDue().GetDate(); due == "" || accepted <= due {
			f.count(ComplaintsAcceptedInTime, accepted, 1)
		}
	}
	if c.GetReplyTime() != nil {
		f.once(before, ComplaintsReplied, on(c.GetReplyTime()))
	}
	switch c.GetState() {
	case complaintv1.Complaint_STATE_REJECTED:
		f.once(before, ComplaintsRejected, day)
	case complaintv1.Complaint_STATE_RECEIVED:
		f.count(ComplaintsOverdue, deadline.TakenUpBy(c.GetDecideDue().GetDate(), c.GetFinishDue().GetDate()), 1)
	case complaintv1.Complaint_STATE_ACCEPTED, complaintv1.Complaint_STATE_INVESTIGATING:
		f.count(ComplaintsOverdue, c.GetFinishDue().GetDate(), 1)
	case complaintv1.Complaint_STATE_CLOSED:
		f.count(ComplaintsClosed, on(c.GetCloseTime()), 1)
	}
	f.decide(cmp.Or(on(c.GetAcceptTime()), f.First(ComplaintsRejected)), c.GetDecideDue().GetDate())
	return f
}

// decide counts whether a complaint was accepted or rejected, if it was on a day, by its
// limit: until that has passed nobody is late.
func (f *Fact) decide(day, limit string) {
	if day == "" || limit != "" && day > limit {
		f.count(ComplaintsDecisionsDue, dayAfter(limit), 1)
		return
	}
	f.count(ComplaintsDecidedInTime, day, 1)
	f.count(ComplaintsDecisionsDue, day, 1)
}

// dayAfter is the first day on which a limit has passed; "" if there is none.
func dayAfter(limit string) string {
	d, err := calendar.ParseDate(limit)
	if err != nil {
		return ""
	}
	return d.AddDays(1).String()
}

// round counts a published round (评议) at who had others rated.
func round(r *evaluationv1.Round) Fact {
	f := Fact{Cell: Cell{Unit: r.GetOwner()}, Accepted: true}
	if r.GetState() == evaluationv1.Round_STATE_PUBLISHED {
		f.count(RoundsPublished, on(r.GetPublishTime()), 1)
	}
	return f
}

// result keeps the published score of a unit, which counts nowhere else.
func result(r *evaluationv1.Result) Fact {
	if r.GetPublishTime() == nil || r.CompositeMilli == nil {
		return Fact{}
	}
	return Fact{
		Cell: Cell{Unit: r.GetUnit()}, Accepted: true,
		Score: &Score{Day: on(r.GetPublishTime()), Milli: r.GetCompositeMilli(), Rank: int64(r.GetRank())},
	}
}
