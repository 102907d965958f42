package rectification

import (
	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
)

// stands says whether a filing of the ledger stands: one that was acknowledged, or
// that the superior has not returned.
func stands(l *rectificationv1.Ledger) bool {
	return l.GetVersion() > 0 && (l.GetAcknowledgedVersion() > 0 || l.GetReturnReason() == "")
}

// owed is the day by which the ledger is to be filed, or "" if it need not be: it was,
// or that never falls due, as its campaign was closed or its unit archived before.
func owed(l *rectificationv1.Ledger) string {
	due := deadline.Fallen(l.GetFilingDueDate(), l.GetCampaignCloseDate())
	if stands(l) || due == "" {
		return ""
	}
	return deadline.Fallen(max(due, l.GetCorrectionDueDate()), l.GetUnitArchiveDate())
}

// correction is the ledger with the day by which it is filed again (补正时限), once the
// superior has returned v, the newest version, on day.
func correction(l *rectificationv1.Ledger, v *rectificationv1.LedgerVersion, day calendar.Date, days *calendar.Calendar) *rectificationv1.Ledger {
	if l.GetFilingDueDate() == "" || l.GetAcknowledgedVersion() > 0 {
		return l
	}
	l = proto.CloneOf(l)
	turn := deadline.Turn{HandedIn: calendar.On(v.GetFileTime().AsTime()), Returned: day}
	l.CorrectionDueDate = deadline.Correction(l.GetFilingDueDate(), l.GetCorrectionDueDate(), turn, days)
	return l
}
