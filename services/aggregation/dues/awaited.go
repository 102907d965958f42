package dues

import (
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/change"
)

// lookBack is how many months ago a period may have ended whose report is awaited.
const lookBack = 12

// Awaited are the reports that a unit owes, or that those beneath it do, in no
// order (欠报): what may still come, and what was returned. It costs some look-ups
// for each unit that owes any.
func (l *Ledger) Awaited(tx *change.Tx, unit string, beneath bool) (items []*worklist.Item, err error) {
	units := []string{unit}
	if beneath {
		units = slices.DeleteFunc(slices.Clone(l.directory.Subtree(unit)), func(u string) bool { return u == unit })
	}
	ended := reports.Ended(l.book.Today(), lookBack)
	for _, unit := range units {
		for _, p := range l.owing(unit, ended) {
			item, err := l.awaited(tx, p, unit)
			if err != nil {
				return nil, err
			}
			if item != nil {
				items = append(items, item)
			}
		}
	}
	return items, nil
}

// owing are those of the periods for which a unit owes a form: none of one that reports
// to an installation below.
func (l *Ledger) owing(unit string, periods []reports.FormPeriod) (owed []reports.FormPeriod) {
	if u := l.directory.Unit(unit); u == nil || u.GetInstallation() != "" {
		return nil
	}
	for _, p := range periods {
		if l.owes(p.Form, p.Period, unit) {
			owed = append(owed, p)
		}
	}
	return owed
}

// awaited is what awaits a unit that owes a form, or nil if it has come or can come
// no more.
func (l *Ledger) awaited(tx *change.Tx, p reports.FormPeriod, unit string) (*worklist.Item, error) {
	sent, err := l.sent(tx, p.Form, p.Period, unit)
	if err != nil {
		return nil, err
	}
	due := reports.DueOf(unit, p.Period, l.Window(p.Form, p.Period), l.book.Today(), sent)
	switch due.GetState() {
	case aggregationv1.ReportDue_STATE_OPEN, aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_RETURNED:
	case aggregationv1.ReportDue_STATE_MISSING:
		if onLeave, err := l.onLeave(tx, p, unit); err != nil || !onLeave {
			return nil, err
		}
	default:
		return nil, nil
	}
	return worklist.Owed(unit, p.Form.GetName(), p.String(), p.DayAfter(), due.GetDueDate()), nil
}
