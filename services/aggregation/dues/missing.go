package dues

import (
	"cmp"
	"slices"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// Missing lists which reports units owe and have not sent though they are past due (欠报),
// or had not sent at a moment, the oldest first. It costs a look-up for each that they owe.
func (l *Ledger) Missing(tx *change.Tx, units []string, at time.Time) (items []*aggregationv1.Missing_Item, err error) {
	today := l.day(at)
	err = l.each(tx, units, at, func(p reports.FormPeriod, due *aggregationv1.ReportDue) error {
		if missing(due, today) {
			items = append(items, &aggregationv1.Missing_Item{
				Unit: due.GetName(), Subject: p.Form.GetName(), Period: p.String(), DueDate: due.GetDueDate(),
			})
		}
		return nil
	})
	slices.SortFunc(items, func(a, b *aggregationv1.Missing_Item) int {
		return cmp.Or(cmp.Compare(a.GetDueDate(), b.GetDueDate()), cmp.Compare(a.GetUnit(), b.GetUnit()), cmp.Compare(a.GetSubject(), b.GetSubject()))
	})
	return items, err
}

// missing says whether what is owed is past due, and nothing that counts has come.
func missing(due *aggregationv1.ReportDue, today string) bool {
	switch due.GetState() {
	case aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_MISSING, aggregationv1.ReportDue_STATE_RETURNED:
		return due.GetDueDate() < today
	default:
		return false
	}
}
