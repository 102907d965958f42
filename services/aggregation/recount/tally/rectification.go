package tally

import (
	"strings"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// problem tells what a problem (问题) counts.
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

// ledger tells what a ledger (整改台账) counts.
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
