package dues

import (
	"cmp"
	"slices"
	"sync"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// roll is what is owed of the periods of the last months, whatever has come of it. It is
// made anew when the tree has changed or another day has begun: a status asks for it at
// every call.
type roll struct {
	mu       sync.Mutex
	position uint64 // of the tree
	today    string
	duties   []duty
}

// duty is that a unit owes a form for a period.
type duty struct {
	unit string
	reports.FormPeriod
}

// Missing lists which reports a unit and those beneath it owe and have not sent though
// they are past due (欠报), the oldest first and at most so many, and says how many there
// are. It costs a look-up for each that they owe.
func (l *Ledger) Missing(tx *change.Tx, unit string, most int) (items []*aggregationv1.Missing_Item, total int64, err error) {
	for _, d := range l.duties() {
		if !slices.Contains(l.directory.Path(d.unit), unit) {
			continue
		}
		sent, err := l.sent(tx, d.Form, d.Period, d.unit)
		if err != nil {
			return nil, 0, err
		}
		today := l.book.Today()
		switch due := reports.DueOf(d.unit, d.Period, l.Window(d.Form, d.Period), today, sent); due.GetState() {
		case aggregationv1.ReportDue_STATE_OVERDUE, aggregationv1.ReportDue_STATE_MISSING, aggregationv1.ReportDue_STATE_RETURNED:
			if due.GetDueDate() < today {
				items = append(items, &aggregationv1.Missing_Item{
					Unit: d.unit, Subject: d.Form.GetName(), Period: d.String(), DueDate: due.GetDueDate(),
				})
			}
		}
	}
	slices.SortFunc(items, func(a, b *aggregationv1.Missing_Item) int {
		return cmp.Or(cmp.Compare(a.GetDueDate(), b.GetDueDate()), cmp.Compare(a.GetUnit(), b.GetUnit()), cmp.Compare(a.GetSubject(), b.GetSubject()))
	})
	return items[:min(most, len(items))], int64(len(items)), nil
}

// duties are what all units owe.
func (l *Ledger) duties() []duty {
	l.roll.mu.Lock()
	defer l.roll.mu.Unlock()
	position, today := l.directory.Position(), l.book.Today()
	if l.roll.position == position && l.roll.today == today {
		return l.roll.duties
	}
	var all []duty
	ended := reports.Ended(today, lookBack)
	for _, unit := range l.directory.Subtree(l.directory.Root()) {
		for _, p := range l.owing(unit, ended) {
			all = append(all, duty{unit, p})
		}
	}
	l.roll.position, l.roll.today, l.roll.duties = position, today, all
	return all
}
