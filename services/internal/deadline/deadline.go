// Package deadline says by which day what a unit owes is due: again, once a superior
// has returned it (退回), and not at all, once something ended before; and by which the
// superior answers what was filed. Which records are owed, and which of these days they
// keep, say the services that they belong to; which days are worked, package calendar. It
// knows records by the days that they keep.
package deadline

import (
	"github.com/duban-project/duban/services/internal/calendar"
)

const (
	// correctionDays are the working days that the first return of a record gives.
	correctionDays = 5
	// answerDays are the working days that a superior has for what was filed.
	answerDays = 15
)

// Turn is one time that a unit handed something in and got it back, by its days.
type Turn struct{ HandedIn, Returned calendar.Date }

// Day is a day by which something is due, YYYY-MM-DD, or "" if it is not.
type Day struct {
	Date string
	// Provisional (暂定) says that it was counted by holidays that are yet to be
	// announced.
	Provisional bool
}

// Correction is the day by which a unit hands in again what was due and is returned
// (补正时限); before is the one that it had, if this is not the first return. The time of
// the first return is the unit's own; later the time that the superior took is added, so
// that neither who hands in nothing in time gains by it, nor who is answered late loses.
func Correction(due, before Day, turn Turn, days *calendar.Calendar) Day {
	last, err := calendar.ParseDate(before.Date)
	if err != nil { // it was never returned
		counted := working(turn.Returned, correctionDays, days)
		return Day{max(due.Date, counted.Date), due.Provisional || counted.Provisional}
	}
	return Day{last.AddDays(turn.HandedIn.DaysUntil(turn.Returned)).String(), before.Provisional}
}

// Answer is the day by which a superior acknowledges or returns what is filed on a day
// (备案时限).
func Answer(filed calendar.Date, days *calendar.Calendar) Day {
	return working(filed, answerDays, days)
}

// working is the day so many working days after another.
func working(from calendar.Date, n int, days *calendar.Calendar) Day {
	last := days.AddWorkingDays(from, n)
	return Day{last.Date.String(), last.Provisional}
}
