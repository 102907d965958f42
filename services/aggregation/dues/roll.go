package dues

import (
	"slices"
	"sync"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// lookBack is how many months ago a period may have ended whose report is awaited.
const lookBack = 12

// Place is a unit with all beneath it, as it is now or was at a moment.
type Place struct {
	Unit  string
	At    time.Time // the zero time: now
	Units []string  // who was there at that moment, the unit itself too; of now it is known here
}

// roll is who is beneath whom, and what units owe of the periods of the last months,
// whatever has come of it. It is begun anew when the tree has changed or another day has
// begun: statuses and worklists ask for it at every call.
type roll struct {
	mu     sync.Mutex
	turns  uint64 // of the tree
	today  string
	ended  []reports.FormPeriod
	owed   map[string][]reports.FormPeriod // by unit
	wholes map[string]whole                // by unit
}

// whole is a unit with all beneath it, and what they owe. It MUST NOT be changed.
type whole struct {
	units  []string // in order
	duties []duty
}

// duty is that a unit owes a form for a period.
type duty struct {
	unit string
	reports.FormPeriod
}

// each visits what has come of duties, or had at a moment: a look-up for each.
func (l *Ledger) each(tx *change.Tx, duties []duty, at time.Time, visit func(reports.FormPeriod, *aggregationv1.ReportDue) error) error {
	for _, d := range duties {
		due, err := l.come(tx, d.FormPeriod, d.unit, at)
		if err != nil {
			return err
		}
		if err := visit(d.FormPeriod, due); err != nil {
			return err
		}
	}
	return nil
}

// units are those of a place, in order.
func (l *Ledger) units(p Place) []string {
	if p.At.IsZero() {
		return l.whole(p.Unit).units
	}
	return slices.Sorted(slices.Values(p.Units))
}

// duties are what the units of a place owe.
func (l *Ledger) duties(p Place) []duty {
	if p.At.IsZero() {
		return l.whole(p.Unit).duties
	}
	ended := reports.Ended(l.day(p.At), lookBack)
	return every(p.Units, func(unit string) []reports.FormPeriod { return l.reckon(unit, ended) })
}

// every is what units owe.
func every(units []string, owing func(string) []reports.FormPeriod) (all []duty) {
	for _, unit := range units {
		for _, p := range owing(unit) {
			all = append(all, duty{unit, p})
		}
	}
	return all
}

// whole is what the roll has of a unit and those beneath it.
func (l *Ledger) whole(unit string) whole {
	r := l.open()
	defer r.mu.Unlock()
	w, known := r.wholes[unit]
	if !known {
		units := slices.Sorted(slices.Values(l.directory.Whole(unit)))
		w = whole{units, every(units, l.owing)}
		r.wholes[unit] = w
	}
	return w
}

// alone is what the roll has of a unit itself.
func (l *Ledger) alone(unit string) []duty {
	defer l.open().mu.Unlock()
	return every([]string{unit}, l.owing)
}

// open locks the roll, and begins it anew if it is not of now.
func (l *Ledger) open() *roll {
	r := &l.roll
	r.mu.Lock()
	if turns, today := l.directory.Turns(), l.book.Today(); r.turns != turns || r.today != today {
		r.turns, r.today, r.ended = turns, today, reports.Ended(today, lookBack)
		r.owed, r.wholes = map[string][]reports.FormPeriod{}, map[string]whole{}
	}
	return r
}

// owing is what the roll, which is open, has of a unit: it is reckoned once.
func (l *Ledger) owing(unit string) []reports.FormPeriod {
	owed, known := l.roll.owed[unit]
	if !known {
		owed = l.reckon(unit, l.roll.ended)
		l.roll.owed[unit] = owed
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
