package recount

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// where is whose figures something is in.
type where struct {
	unit, campaign, category, source string
	accepted                         bool
}

// String says where, for errors.
func (w where) String() string {
	return fmt.Sprintf("%q, accepted: %t", []string{w.unit, w.campaign, w.category, w.source}, w.accepted)
}

// tally is how much of a metric counts on a day.
type tally struct{ metric, day string }

// record is what is known of one record.
type record struct {
	at     where
	stands []string        // the metrics of which it is part of the stock
	came   map[tally]int64 // flows
	due    map[tally]int64 // what is open, by due date
	owes   string
	score  *score

	returned, reopened             []string // the days on which it was
	submitted, filed, acknowledged string   // the first day on which it was
	cancelled, replied             string
}

type score struct {
	unit, day   string
	milli, rank int64
}

// zone is China's.
var zone = time.FixedZone("", 8*3600)

func dayOf(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().In(zone).Format("2006-01-02")
}

// take takes one entry in.
func (c *count) take(installation string, e *feedv1.Entry) error {
	day, subject := dayOf(e.GetEffective()), e.GetSubject()
	if installation != "" {
		subject = "installations/" + installation + "/" + subject
	}
	if e.GetBody() == nil {
		c.replace(subject, &record{}, day)
		return nil
	}
	body, err := e.GetBody().UnmarshalNew()
	switch {
	case errors.Is(err, protoregistry.NotFound):
		return nil // a record of another kind
	case err != nil:
		return differ("its body cannot be read")
	}
	if c.tree(installation, body, day) {
		return nil
	}
	old := c.records[subject]
	if old == nil {
		old = &record{}
	}
	if r := recordOf(body, old, day); r != nil {
		c.replace(subject, c.theirs(installation, r), day)
	}
	return nil
}

// recordOf is what is known of a record by its newest version; nil of a kind that
// does not count.
func recordOf(body proto.Message, old *record, day string) *record {
	switch b := body.(type) {
	case *rectificationv1.Problem:
		return problem(b, old, day)
	case *rectificationv1.Ledger:
		return ledger(b, old, day)
	case *rectificationv1.Inspection:
		r := fresh(b.GetUnit(), b.GetCampaign())
		if b.GetState() == rectificationv1.Inspection_STATE_CONCLUDED {
			r.come("inspections_concluded", dayOf(b.GetConcludeTime()))
		}
		return r
	case *campaignv1.Assignment:
		return assignment(b, old, day)
	case *complaintv1.Complaint:
		return complaint(b, old)
	case *evaluationv1.Round:
		r := fresh(b.GetOwner(), "")
		if b.GetState() == evaluationv1.Round_STATE_PUBLISHED {
			r.come("rounds_published", dayOf(b.GetPublishTime()))
		}
		return r
	case *evaluationv1.Result:
		r := fresh(b.GetUnit(), "")
		if b.GetPublishTime() != nil && b.CompositeMilli != nil {
			r.score = &score{b.GetUnit(), dayOf(b.GetPublishTime()), b.GetCompositeMilli(), int64(b.GetRank())}
		}
		return r
	default:
		return nil
	}
}

func fresh(unit, campaign string) *record {
	return &record{at: where{unit: unit, campaign: campaign, accepted: true}, came: map[tally]int64{}, due: map[tally]int64{}}
}

// come counts 1 of a flow, if there is a day.
func (r *record) come(metric, day string) {
	if day != "" {
		r.came[tally{metric, day}]++
	}
}

// open counts 1 that is due, if there is a day.
func (r *record) open(metric, day string) {
	if day != "" {
		r.due[tally{metric, day}]++
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

func problem(p *rectificationv1.Problem, old *record, day string) *record {
	r := fresh(p.GetUnit(), p.GetCampaign())
	r.at.category, r.at.accepted = p.GetCategory(), p.GetAccepted()
	if strings.ContainsAny(r.at.category, "\x00\x01") {
		r.at.category = ""
	}
	if p.GetSource() != 0 {
		r.at.source = strings.TrimPrefix(p.GetSource().String(), "SOURCE_")
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
	r.come("problems_found", dayOf(p.GetCreateTime()))
	switch p.GetState() {
	case rectificationv1.Problem_STATE_CLOSED:
		r.come("problems_closed", dayOf(p.GetCloseTime()))
		return r
	case rectificationv1.Problem_STATE_PLANNED:
		r.stands = []string{"problems_planned"}
	case rectificationv1.Problem_STATE_RECTIFYING, rectificationv1.Problem_STATE_RETURNED, rectificationv1.Problem_STATE_REOPENED:
		r.stands = []string{"problems_rectifying"}
	case rectificationv1.Problem_STATE_SUBMITTED, rectificationv1.Problem_STATE_VERIFIED:
		r.stands = []string{"problems_submitted"}
	}
	r.stands = append(r.stands, "problems_open")
	r.open("problems_overdue", p.GetDeadline())
	return r
}

func ledger(l *rectificationv1.Ledger, old *record, day string) *record {
	r := fresh(l.GetUnit(), l.GetCampaign())
	r.come("ledgers_due", l.GetFilingDueDate())
	if l.GetVersion() == 0 {
		r.owes = l.GetFilingDueDate()
		r.open("items_missing", r.owes)
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

func assignment(a *campaignv1.Assignment, old *record, day string) *record {
	r := fresh(a.GetUnit(), a.GetCampaign())
	r.come("tasks_due", a.GetDueDate())
	r.come("tasks_received", dayOf(a.GetReceiveTime()))
	r.returned = log(old.returned, a.GetReturns(), day)
	for _, d := range r.returned {
		r.come("tasks_returned", d)
	}
	if a.GetSubmitTime() != nil {
		r.submitted = first(old.submitted, dayOf(a.GetSubmitTime()))
		r.come("tasks_submitted", r.submitted)
		if a.GetDueDate() != "" && a.GetDueDate() < r.submitted {
			r.come("tasks_late", r.submitted)
		}
	}
	switch a.GetState() {
	case campaignv1.Assignment_STATE_ISSUED:
		r.owes = a.GetDueDate()
		r.open("items_missing", a.GetDueDate())
		r.open("tasks_overdue", a.GetDueDate())
	case campaignv1.Assignment_STATE_RECEIVED, campaignv1.Assignment_STATE_RETURNED:
		r.open("tasks_overdue", a.GetDueDate())
	case campaignv1.Assignment_STATE_APPROVED:
		r.come("tasks_approved", dayOf(a.GetApproveTime()))
	}
	return r
}

func complaint(m *complaintv1.Complaint, old *record) *record {
	if m.GetSealed() || m.GetAboutHead() || m.GetType() == complaintv1.Complaint_TYPE_REPORT {
		return &record{}
	}
	r := fresh(m.GetUnit(), "")
	r.come("complaints_received", dayOf(m.GetCreateTime()))
	accepted, due := dayOf(m.GetAcceptTime()), m.GetDecideDue().GetDate()
	r.come("complaints_accepted", accepted)
	if due == "" || accepted <= due {
		r.come("complaints_accepted_in_time", accepted)
	}
	if m.GetReplyTime() != nil {
		r.replied = first(old.replied, dayOf(m.GetReplyTime()))
		r.come("complaints_replied", r.replied)
	}
	if m.GetState() == complaintv1.Complaint_STATE_CLOSED {
		r.come("complaints_closed", dayOf(m.GetCloseTime()))
	}
	return r
}
