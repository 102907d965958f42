// Package tally tells what one record counts, from its newest version and what was
// known of it before: in which metrics, on which days, and what is owed by it. It
// knows one record alone: package recount takes the feeds in, package sum adds up.
// It shares no code with the rules in package aggregation, which tell the same.
package tally

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Where is whose figures something is in: names of resources, and a source of
// problems; empty if there is none.
type Where struct {
	Unit, Campaign, Category, Source string
	// Accepted says that a superior has accepted it.
	Accepted bool
}

// String says where, for errors.
func (w Where) String() string {
	return fmt.Sprintf("%q, accepted: %t", []string{w.Unit, w.Campaign, w.Category, w.Source}, w.Accepted)
}

// What is where and how something counts.
type What struct {
	Where
	Metric string
}

// Count is a metric, and the day on which it counts; "" of what stands.
type Count struct{ Metric, Day string }

// Record is what one record counts. The zero Record counts nothing.
type Record struct {
	At     Where
	Stands []string        // the metrics of which it is part of the stock
	Came   map[Count]int64 // flows
	Due    map[Count]int64 // what is open, by due date
	Owes   string          // since when it is owed, or ""
	Score  *Score          // what a round gave, or nil

	returned, reopened  []string // the days on which it was
	filed, acknowledged string   // the first day on which it was
	cancelled, replied  string
	rejected            string
}

// Score is what a round gave a unit, and the day on which it was published.
type Score struct {
	Unit, Day   string
	Milli, Rank int64
}

// String says what a round gave.
func (s *Score) String() string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%s %d %d", s.Day, s.Milli, s.Rank)
}

// Zone is China's.
var Zone = time.FixedZone("", 8*3600)

// Day is the civil day of a moment, or "".
func Day(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().In(Zone).Format("2006-01-02")
}

// Of is what a record counts by its newest version, which it had since a day, and
// by what was known of it before; nil of a kind that does not count.
func Of(body proto.Message, old *Record, day string) *Record {
	switch b := body.(type) {
	case *rectificationv1.Problem:
		return problem(b, old, day)
	case *rectificationv1.Ledger:
		return ledger(b, old, day)
	case *rectificationv1.Inspection:
		r := fresh(b.GetUnit(), b.GetCampaign())
		if b.GetState() == rectificationv1.Inspection_STATE_CONCLUDED {
			r.come("inspections_concluded", Day(b.GetConcludeTime()))
		}
		return r
	case *campaignv1.Assignment:
		return assignment(b, old, day)
	case *complaintv1.Complaint:
		return complaint(b, old, day)
	case *evaluationv1.Round:
		r := fresh(b.GetOwner(), "")
		if b.GetState() == evaluationv1.Round_STATE_PUBLISHED {
			r.come("rounds_published", Day(b.GetPublishTime()))
		}
		return r
	case *evaluationv1.Result:
		r := fresh(b.GetUnit(), "")
		if b.GetPublishTime() != nil && b.CompositeMilli != nil {
			r.Score = &Score{b.GetUnit(), Day(b.GetPublishTime()), b.GetCompositeMilli(), int64(b.GetRank())}
		}
		return r
	default:
		return nil
	}
}

func fresh(unit, campaign string) *Record {
	return &Record{At: Where{Unit: unit, Campaign: campaign, Accepted: true}, Came: map[Count]int64{}, Due: map[Count]int64{}}
}

// come counts 1 of a flow, if there is a day.
func (r *Record) come(metric, day string) {
	if day != "" {
		r.Came[Count{metric, day}]++
	}
}

// open counts 1 that is due, if there is a day.
func (r *Record) open(metric, day string) {
	if day != "" {
		r.Due[Count{metric, day}]++
	}
}

// log brings a list of days to the length n.
func log(days []string, n int32, day string) (list []string) {
	if int(n) >= len(days) {
		list = append(list, days...)
	}
	for len(list) < int(n) {
		list = append(list, day)
	}
	return list
}

func first(day, otherwise string) string {
	if day != "" {
		return day
	}
	return otherwise
}

func problem(p *rectificationv1.Problem, old *Record, day string) *Record {
	r := fresh(p.GetUnit(), p.GetCampaign())
	r.At.Category, r.At.Accepted = p.GetCategory(), p.GetAccepted()
	if p.AcceptedContent != nil { // what its superiors know
		r.At.Category = p.AcceptedContent.Category
	}
	if strings.ContainsAny(r.At.Category, "\x00\x01") {
		r.At.Category = ""
	}
	if p.GetSource() != 0 {
		r.At.Source = strings.TrimPrefix(p.GetSource().String(), "SOURCE_")
	}
	r.returned, r.reopened = log(old.returned, p.GetReturns(), day), log(old.reopened, p.GetReopens(), day)
	for _, d := range r.returned {
		r.come("problems_returned", d)
	}
	for _, d := range r.reopened {
		r.come("problems_reopened", d)
	}
	if p.GetState() == rectificationv1.Problem_STATE_CANCELLED {
		r.cancelled = first(old.cancelled, day)
		r.come("problems_cancelled", r.cancelled)
		return r
	}
	r.come("problems_found", Day(p.GetCreateTime()))
	switch p.GetState() {
	case rectificationv1.Problem_STATE_CLOSED:
		r.come("problems_closed", Day(p.GetCloseTime()))
		return r
	case rectificationv1.Problem_STATE_PLANNED:
		r.Stands = []string{"problems_planned"}
	case rectificationv1.Problem_STATE_RECTIFYING, rectificationv1.Problem_STATE_RETURNED, rectificationv1.Problem_STATE_REOPENED:
		r.Stands = []string{"problems_rectifying"}
	case rectificationv1.Problem_STATE_SUBMITTED, rectificationv1.Problem_STATE_VERIFIED:
		r.Stands = []string{"problems_submitted"}
	}
	r.Stands = append(r.Stands, "problems_open")
	r.open("problems_overdue", p.GetDeadline())
	return r
}

func ledger(l *rectificationv1.Ledger, old *Record, day string) *Record {
	r := fresh(l.GetUnit(), l.GetCampaign())
	filing := l.GetFilingDueDate()
	owes := filing != "" && !spared(filing, l.GetCampaignCloseDate()) && !spared(filing, l.GetUnitArchiveDate())
	if owes {
		r.come("ledgers_due", filing)
	}
	if answer := l.GetAcknowledgeDueDate(); !spared(answer, l.GetCampaignCloseDate()) && !spared(answer, l.GetUnitArchiveDate()) {
		r.open("ledgers_unacknowledged", answer)
	}
	if l.GetAcknowledgedVersion() == 0 && (l.GetVersion() == 0 || l.GetReturnReason() != "") {
		by := filing
		if l.GetCorrectionDueDate() > by {
			by = l.GetCorrectionDueDate()
		}
		if owes && !spared(by, l.GetUnitArchiveDate()) {
			r.Owes = by
			r.open("items_missing", by)
			r.open("ledgers_overdue", by)
		}
		return r
	}
	r.filed = first(old.filed, day)
	r.come("ledgers_filed", r.filed)
	if l.GetFiledLate() {
		r.come("ledgers_filed_late", r.filed)
	}
	if l.GetAcknowledgedVersion() > 0 {
		r.acknowledged = first(old.acknowledged, day)
		r.come("ledgers_acknowledged", r.acknowledged)
	}
	return r
}

// spared says whether an end came before the day by which something was due; "" is none.
func spared(day, end string) bool { return end != "" && end < day }

func assignment(a *campaignv1.Assignment, old *Record, day string) *Record {
	r := fresh(a.GetUnit(), a.GetCampaign())
	r.come("tasks_received", Day(a.GetReceiveTime()))
	r.returned = log(old.returned, a.GetReturns(), day)
	for _, d := range r.returned {
		r.come("tasks_returned", d)
	}
	switch a.GetState() {
	case campaignv1.Assignment_STATE_APPROVED:
		r.come("tasks_approved", Day(a.GetApproveTime()))
		fallthrough
	case campaignv1.Assignment_STATE_SUBMITTED:
		r.come("tasks_submitted", Day(a.GetSubmitTime()))
		if a.GetLate() {
			r.come("tasks_late", Day(a.GetSubmitTime()))
		}
	}
	for _, end := range []string{a.GetCampaignCloseDate(), a.GetUnitArchiveDate()} {
		if spared(a.GetDueDate(), end) {
			return r
		}
	}
	r.come("tasks_due", a.GetDueDate())
	awaits(r, a)
	return r
}

// awaits has what the unit is still to do: to receive, or to submit, once or again.
func awaits(r *Record, a *campaignv1.Assignment) {
	by := a.GetDueDate()
	if again := a.GetCorrectionDueDate(); again > by {
		by = again
	}
	if spared(by, a.GetCampaignCloseDate()) || spared(by, a.GetUnitArchiveDate()) {
		return
	}
	switch a.GetState() {
	case campaignv1.Assignment_STATE_ISSUED, campaignv1.Assignment_STATE_RECEIVED, campaignv1.Assignment_STATE_RETURNED:
		r.Owes = by
		r.open("items_missing", by)
		r.open("tasks_overdue", by)
	}
}

func complaint(m *complaintv1.Complaint, old *Record, day string) *Record {
	if m.GetSealed() || m.GetAboutHead() || m.GetType() == complaintv1.Complaint_TYPE_REPORT {
		return &Record{}
	}
	r := fresh(m.GetUnit(), "")
	r.come("complaints_received", Day(m.GetCreateTime()))
	waits := map[complaintv1.Complaint_State]*complaintv1.Due{
		complaintv1.Complaint_STATE_RECEIVED: m.GetDecideDue(), complaintv1.Complaint_STATE_ACCEPTED: m.GetFinishDue(),
		complaintv1.Complaint_STATE_INVESTIGATING: m.GetFinishDue(),
	}
	r.open("complaints_overdue", waits[m.GetState()].GetDate())
	accepted, due := Day(m.GetAcceptTime()), m.GetDecideDue().GetDate()
	r.come("complaints_accepted", accepted)
	if due == "" || accepted <= due {
		r.come("complaints_accepted_in_time", accepted)
	}
	if m.GetReplyTime() != nil {
		r.replied = first(old.replied, Day(m.GetReplyTime()))
		r.come("complaints_replied", r.replied)
	}
	if m.GetState() == complaintv1.Complaint_STATE_REJECTED {
		r.rejected = first(old.rejected, day)
		r.come("complaints_rejected", r.rejected)
	}
	if m.GetState() == complaintv1.Complaint_STATE_CLOSED {
		r.come("complaints_closed", Day(m.GetCloseTime()))
	}
	decided(r, first(accepted, r.rejected), due)
	return r
}

// decided has whether there was a decision in time, and by when there had to be one: the
// day of the decision, or the first one on which it was too late, whichever is earlier.
func decided(r *Record, day, due string) {
	late := ""
	if limit, err := time.Parse(time.DateOnly, due); err == nil {
		late = limit.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	if day != "" && (late == "" || day < late) {
		r.come("complaints_decided_in_time", day)
		late = day
	}
	r.come("complaints_decisions_due", late)
}
