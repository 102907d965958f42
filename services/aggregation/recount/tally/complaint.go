package tally

import (
	"time"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// complaint tells what a complaint (投诉) counts; a sealed one nothing.
func complaint(m *complaintv1.Complaint, old *Record, day string) *Record {
	if m.GetSealed() || m.GetAboutHead() || m.GetType() == complaintv1.Complaint_TYPE_REPORT {
		return &Record{}
	}
	r := fresh(m.GetUnit(), "")
	r.come("complaints_received", Day(m.GetCreateTime()))
	r.open("complaints_overdue", lateAfter(m))
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

// lateAfter is the last day on which a complaint (投诉) is not late, or "": until it is
// accepted the limit for that can pass, until it is replied to that for the reply.
func lateAfter(m *complaintv1.Complaint) (day string) {
	var awaits []string
	switch m.GetState() {
	case complaintv1.Complaint_STATE_RECEIVED:
		awaits = []string{m.GetDecideDue().GetDate(), m.GetFinishDue().GetDate()}
	case complaintv1.Complaint_STATE_ACCEPTED, complaintv1.Complaint_STATE_INVESTIGATING:
		awaits = []string{m.GetFinishDue().GetDate()}
	}
	for _, limit := range awaits {
		if day == "" || limit != "" && limit < day {
			day = limit
		}
	}
	return day
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
