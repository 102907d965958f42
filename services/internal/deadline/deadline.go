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
	// From is the day from which a provisional one was counted, and Added how many
	// natural days came to that since; of any other neither is kept.
	From  string
	Added int32
}

// Anew is a provisional day counted anew, now that more may be announced, by what counts
// it from a day. So it comes no earlier than today, unless it had passed: nobody is late
// who was not.
func (d Day) Anew(today string, count func(from calendar.Date) Day) Day {
	from, err := calendar.ParseDate(d.From)
	if err != nil { // it is not provisional
		return d
	}
	again := count(from).plus(int(d.Added))
	again.Date = max(again.Date, min(d.Date, today))
	return again
}

// plus is the day so many natural days later.
func (d Day) plus(n int) Day {
	last, err := calendar.ParseDate(d.Date)
	if err != nil {
		return d
	}
	d.Date = last.AddDays(n).String()
	if d.Provisional {
		d.Added += int32(n)
	}
	return d
}

// counted is a day that the calendar counted from another.
func counted(from calendar.Date, last calendar.Deadline) Day {
	d := Day{Date: last.Date.String(), Provisional: last.Provisional}
	if d.Provisional {
		d.From = from.String()
	}
	return d
}

// Rolled is a day that is written down, or the working day after it (顺延).
func Rolled(written calendar.Date, days *calendar.Calendar) Day {
	if days.Working(written) {
		return counted(written, calendar.Deadline{Date: written, Provisional: !days.Known(written)})
	}
	return counted(written, days.AddWorkingDays(written, 1))
}

// Correction is the day by which a unit hands in again what was due and is returned
// (补正时限); before is the one that it had, if this is not the first return. The time of
// the first return is the unit's own; later the time that the superior took is added, so
// that neither who hands in nothing in time gains by it, nor who is answered late loses.
func Correction(due, before Day, turn Turn, days *calendar.Calendar) Day {
	if before.Date != "" {
		return before.plus(turn.HandedIn.DaysUntil(turn.Returned))
	}
	last := days.AddWorkingDays(turn.Returned, correctionDays)
	last.Provisional = last.Provisional || due.Provisional
	first := counted(turn.Returned, last)
	first.Date = max(first.Date, due.Date)
	return first
}

// Answer is the day by which a superior acknowledges or returns what is filed on a day
// (备案时限).
func Answer(filed calendar.Date, days *calendar.Calendar) Day {
	return counted(filed, days.AddWorkingDays(filed, answerDays))
}
