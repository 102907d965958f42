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

// Correction is the day by which a unit hands in again what was due and is returned
// (补正时限), YYYY-MM-DD; before is the one that it had, or "" if this is the first return.
// The time of the first return is the unit's own; later the time that the superior took
// is added, so that neither who hands in nothing in time gains by it, nor who is
// answered late loses.
func Correction(due, before string, turn Turn, days *calendar.Calendar) string {
	last, err := calendar.ParseDate(before)
	if err != nil { // it was never returned
		return max(due, days.AddWorkingDays(turn.Returned, correctionDays).Date.String())
	}
	return last.AddDays(turn.HandedIn.DaysUntil(turn.Returned)).String()
}

// Answer is the day by which a superior acknowledges or returns what is filed on a day
// (备案时限), YYYY-MM-DD, and whether the holidays until then are yet to be announced
// (暂定).
func Answer(filed calendar.Date, days *calendar.Calendar) (day string, provisional bool) {
	due := days.AddWorkingDays(filed, answerDays)
	return due.Date.String(), due.Provisional
}
