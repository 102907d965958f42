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
	mu       sync.Mutex
	position uint64 // of the tree
	today    string
	ended    []reports.FormPeriod
	owed     map[string][]reports.FormPeriod // by unit
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
			c, err := l.gather(tx, p, unit, at)
			if err != nil {
				return err
			}
			if err := visit(p, c.due()); err != nil {
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
	if position, today := l.directory.Position(), l.book.Today(); r.position != position || r.today != today {
		r.position, r.today, r.ended, r.owed = position, today, reports.Ended(today, lookBack), map[string][]reports.FormPeriod{}
	}
	owed, known := r.owed[unit]
	if !known {
		owed = l.reckon(unit, r.ended)
		r.owed[unit] = owed
	}
	return owed
}

// reckon returns those of the periods for which a unit owes a form: none of one that reports
// to an installation below.
func (l *Ledger) reckon(unit string, periods []reports.FormPeriod) (owed []reports.FormPeriod) {
	if u := l.directory.Unit(unit); u == nil || u.GetInstallation() != "" {
		return nil
	}
	for _, p := range periods {
		if l.owes(p, unit) {
			owed = append(owed, p)
		}
	}
	return owed
}
