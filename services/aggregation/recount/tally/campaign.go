package tally

import (
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
)

// assignment tells what a task of a unit (任务) counts.
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
