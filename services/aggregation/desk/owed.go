package desk

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
func (d *Desk) Awaited(tx *change.Tx, unit string, beneath bool) (items []*worklist.Item, err error) {
	units := []string{unit}
	if beneath {
		units = slices.DeleteFunc(slices.Clone(d.directory.Subtree(unit)), func(u string) bool { return u == unit })
	}
	ended := reports.Ended(d.today(), lookBack)
	for _, unit := range units {
		u, depth := d.directory.Unit(unit), int32(len(d.directory.Path(unit)))
		if u == nil || u.GetInstallation() != "" {
			continue // what lies beneath an enrolled root reports there
		}
		for _, p := range ended {
			if !reports.Owes(p.Form, u, depth, p.Period) {
				continue
			}
			item, err := d.awaited(tx, p, unit)
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

// awaited is what awaits a unit that owes a form, or nil if it has come or can come
// no more.
func (d *Desk) awaited(tx *change.Tx, p reports.FormPeriod, unit string) (*worklist.Item, error) {
	sent, err := d.sent(tx, p.Form, p.Period, unit)
	if err != nil {
		return nil, err
	}
	due := reports.DueOf(unit, p.Period, reports.WindowOf(p.Form, p.Period, d.days), d.today(), sent)
	switch due.GetState() {
	case aggregationv1.ReportDue_STATE_OPEN, aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_RETURNED:
	case aggregationv1.ReportDue_STATE_MISSING:
		leave, err := found(d.leaves.Find(tx, reports.LeaveName(unit, p.Form.GetName(), p.String())))
		if err != nil || leave.GetUntilDate() < d.today() {
			return nil, err
		}
	default:
		return nil, nil
	}
	return worklist.Owed(unit, p.Form.GetName(), p.String(), p.DayAfter(), due.GetDueDate()), nil
}
