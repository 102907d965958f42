package dues

import (
	"sync"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// lookBack is how many months ago a period may have ended whose report is awaited.
const lookBack = 12

// roll is what units owe of the periods of the last months, whatever has come of it. It
// is begun anew when the tree has changed or another day has begun: statuses and
// worklists ask for it at every call.
type roll struct {
	mu    sync.Mutex
	turns uint64 // of the tree
	today string
	ended []reports.FormPeriod
	owed  map[string][]reports.FormPeriod // by unit
}

// each visits what units of the tree owe of the periods of the last months, and what has
// come of it, or had at a moment: a look-up for each.
func (l *Ledger) each(tx *change.Tx, units []string, at time.Time, visit func(reports.FormPeriod, *aggregationv1.ReportDue) error) error {
	owing := l.owing
	if !at.IsZero() {
		ended := reports.Ended(l.day(at), lookBack)
		owing = func(unit string) []reports.FormPeriod { return l.reckon(unit, ended) }
	}
	for _, unit := range units {
		for _, p := range owing(unit) {
			due, err := l.come(tx, p, unit, at)
			if err != nil {
				return err
			}
			if err := visit(p, due); err != nil {
				return err
			}
		}
	}
	return nil
}

// owing is what the roll has of a unit.
func (l *Ledger) owing(unit string) []reports.FormPeriod {
	r := &l.roll
	r.mu.Lock()
	defer r.mu.Unlock()
	if turns, today := l.directory.Turns(), l.book.Today(); r.turns != turns || r.today != today {
		r.turns, r.today, r.ended, r.owed = turns, today, reports.Ended(today, lookBack), map[string][]reports.FormPeriod{}
	}
	owed, known := r.owed[unit]
	if !known {
		owed = l.reckon(unit, r.ended)
		r.owed[unit] = owed
	}
	return owed
}

// reckon returns those of the periods for which a unit owes a form. Most units never owe
// any, which one look at all their time tells.
func (l *Ledger) reckon(unit string, periods []reports.FormPeriod) (owed []reports.FormPeriod) {
	if len(periods) == 0 {
		return nil
	}
	from, to := periods[0].Start(), periods[0].End() // the newest are first
	for _, p := range periods {
		if p.Start().Before(from) {
			from = p.Start()
		}
	}
	ever := map[string]bool{} // by form
	for u, depth := range l.directory.Stands(unit, from, to) {
		for _, form := range reports.Forms() {
			ever[form.GetName()] = ever[form.GetName()] || reports.Owes(form, u, int32(depth))
		}
	}
	for _, p := range periods {
		if ever[p.Form.GetName()] && l.Owes(p, unit) {
			owed = append(owed, p)
		}
	}
	return owed
}
