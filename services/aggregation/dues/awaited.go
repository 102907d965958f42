package dues

import (
	"slices"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/change"
)

// Awaited are the reports that a unit owes, or that those beneath it do, in no
// order (欠报): what may still come, and what was returned. It costs a look-up for
// each that they owe.
func (l *Ledger) Awaited(tx *change.Tx, unit string, beneath bool) (items []*worklist.Item, err error) {
	duties := l.alone(unit)
	if beneath {
		duties = slices.DeleteFunc(slices.Clone(l.whole(unit).duties), func(d duty) bool { return d.unit == unit })
	}
	err = l.each(tx, duties, time.Time{}, func(p reports.FormPeriod, due *aggregationv1.ReportDue) error {
		comes, err := l.comes(tx, p, due)
		if comes {
			item := worklist.Owed(due.GetName(), p.Form.GetName(), p.String(), p.DayAfter(), due.GetDueDate())
			if keeper := l.directory.Unit(due.GetName()).GetInstallation(); keeper != "" {
				item.Subject = keeper + "/" + item.GetSubject()
			}
			items = append(items, item)
		}
		return err
	})
	return items, err
}

// comes says whether what is owed is awaited: whether it has not come, and still can.
func (l *Ledger) comes(tx *change.Tx, p reports.FormPeriod, due *aggregationv1.ReportDue) (bool, error) {
	switch due.GetState() {
	case aggregationv1.ReportDue_STATE_OPEN, aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_RETURNED:
		return true, nil
	case aggregationv1.ReportDue_STATE_MISSING:
		return l.onLeave(tx, p, due.GetName())
	case aggregationv1.ReportDue_STATE_UNKNOWN:
		if l.directory.Unit(due.GetName()).GetInstallation() != "" {
			return false, nil
		}
		if due.GetLateUntilDate() >= l.book.Today() { // the root of an installation below may send it here
			return true, nil
		}
		return l.onLeave(tx, p, due.GetName())
	default:
		return false, nil
	}
}
