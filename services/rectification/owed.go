package rectification

import (
	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// correctionDays are the working days that the first return of a ledger gives.
const correctionDays = 5

// stands says whether a filing of the ledger stands: one that was acknowledged, or
// that the superior has not returned.
func stands(l *rectificationv1.Ledger) bool {
	return l.GetVersion() > 0 && (l.GetAcknowledgedVersion() > 0 || l.GetReturnReason() == "")
}

// owed is the day by which the ledger is to be filed, or "" if it need not be: it was,
// or that never falls due, as its campaign was closed or its unit archived before.
func owed(l *rectificationv1.Ledger) string {
	due := l.GetFilingDueDate()
	if stands(l) || due == "" || ended(l.GetCampaignCloseDate(), due) {
		return ""
	}
	if due = max(due, l.GetCorrectionDueDate()); ended(l.GetUnitArchiveDate(), due) {
		return ""
	}
	return due
}

// ended says whether something ended no later than on the due day; "" is no end.
func ended(end, due string) bool { return end != "" && end <= due }

// correction is the ledger with the day by which it is filed again (补正时限), once the
// superior has returned v, the newest version, on day. The time of the first return is
// the unit's own; later the time that the superior took is added, so that neither who
// files nothing in time gains by it, nor who is answered late loses.
func correction(l *rectificationv1.Ledger, v *rectificationv1.LedgerVersion, day calendar.Date, days *calendar.Calendar) *rectificationv1.Ledger {
	if l.GetFilingDueDate() == "" || l.GetAcknowledgedVersion() > 0 {
		return l
	}
	l = proto.CloneOf(l)
	due, err := calendar.ParseDate(l.GetCorrectionDueDate())
	if err != nil { // it was never returned
		l.CorrectionDueDate = max(l.GetFilingDueDate(), days.AddWorkingDays(day, correctionDays).Date.String())
		return l
	}
	held := calendar.On(v.GetFileTime().AsTime()).DaysUntil(day)
	l.CorrectionDueDate = due.AddDays(held).String()
	return l
}
