package dues

import (
	"cmp"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// Late are reports that are past due.
type Late struct {
	// Items are those that have not come (欠报), the oldest first.
	Items []*aggregationv1.Missing_Item
	// Unknown is of how many more it is not known whether they have (不明).
	Unknown int64
}

// Missing says which reports the units of a place owe and have not sent though they are
// past due, or had not sent at its moment. It costs a look-up for each that they owe.
func (l *Ledger) Missing(tx *change.Tx, place Place) (late Late, err error) {
	today := l.day(place.At)
	err = l.each(tx, l.duties(place), place.At, func(p reports.FormPeriod, due *aggregationv1.ReportDue) error {
		switch {
		case due.GetDueDate() >= today:
		case due.GetState() == aggregationv1.ReportDue_STATE_UNKNOWN:
			late.Unknown++
		case missing(due):
			late.Items = append(late.Items, &aggregationv1.Missing_Item{
				Unit: due.GetName(), Subject: p.Form.GetName(), Period: p.String(), DueDate: due.GetDueDate(),
			})
		}
		return nil
	})
	slices.SortFunc(late.Items, func(a, b *aggregationv1.Missing_Item) int {
		return cmp.Or(cmp.Compare(a.GetDueDate(), b.GetDueDate()), cmp.Compare(a.GetUnit(), b.GetUnit()), cmp.Compare(a.GetSubject(), b.GetSubject()))
	})
	return late, err
}

// missing says whether nothing that counts has come of what is past due.
func missing(due *aggregationv1.ReportDue) bool {
	switch due.GetState() {
	case aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_MISSING, aggregationv1.ReportDue_STATE_RETURNED:
		return true
	default:
		return false
	}
}
