package calendar

import (
	"fmt"
	"iter"
)

// MaxLimit is the longest limit, in days of either unit: about ten years of
// natural days. A longer one is a mistake in a rule pack.
const MaxLimit = 3660

// Unit is what a limit counts.
type Unit string

// The units of a limit.
const (
	CalendarDays Unit = "calendar" // natural days (日、自然日)
	WorkingDays  Unit = "working"  // working days (工作日)
)

// Start says where counting begins.
type Start string

// The starts of a limit. The general rule of Chinese law is NextDay: the day
// on which a period begins is not counted.
const (
	NextDay Start = "next" // the day after is the first that can count (次日起)
	SameDay Start = "same" // the day itself is the first that can count (当日起)
)

// Limit is a time limit (时限) as a rule pack writes it. All three fields are
// mandatory, so that no pack leaves the rule to a default.
type Limit struct {
	Days  int // 1–MaxLimit
	Unit  Unit
	Start Start
}

// Check returns an error unless the limit can be counted. Rule packs SHOULD
// check their limits when they are loaded.
func (l Limit) Check() error {
	if l.Days < 1 || l.Days > MaxLimit {
		return fmt.Errorf("limit of %d days, want 1–%d", l.Days, MaxLimit)
	}
	if l.Unit != CalendarDays && l.Unit != WorkingDays {
		return fmt.Errorf("limit in unit %q, want %q or %q", l.Unit, CalendarDays, WorkingDays)
	}
	if l.Start != NextDay && l.Start != SameDay {
		return fmt.Errorf("limit starting %q, want %q or %q", l.Start, NextDay, SameDay)
	}
	return nil
}

// Deadline is the last day (截止日) on which a thing is in time.
type Deadline struct {
	Date Date
	// Provisional (暂定) tells that working days were counted in a year not
	// yet announced. The date MUST be computed again from the same start once
	// the calendar knows more.
	Provisional bool
	// Calendar is the version of the calendar that was used.
	Calendar string
}

// Due returns the deadline of a limit whose clock starts on from. The deadline
// of natural days is never provisional and may fall on a day off: it stands as
// counted. Due refuses a limit that Check refuses, and a start outside
// 1992–2999.
func (c *Calendar) Due(from Date, l Limit) (Deadline, error) {
	if err := checkClock(from, l); err != nil {
		return Deadline{}, err
	}
	due := Deadline{Calendar: c.version}
	for day := range c.days(l.first(from), l) {
		due.Date = day.Date
		due.Provisional = due.Provisional || l.Unit == WorkingDays && !day.Known
	}
	return due, nil
}

func checkClock(from Date, l Limit) error {
	if y := from.Year(); y < firstYear || y > lastYear {
		return fmt.Errorf("clock starting on %q, want a date in %d–%d", from, firstYear, lastYear)
	}
	return l.Check()
}

// first returns the first day that can count.
func (l Limit) first(from Date) Date {
	if l.Start == NextDay {
		return from.AddDays(1)
	}
	return from
}

// days yields the days from the first to the one on which the limit is used up.
// It ends because a checked limit is bounded and no notice may take more than
// maxHolidays days off.
func (c *Calendar) days(first Date, l Limit) iter.Seq[Day] {
	return func(yield func(Day) bool) {
		for d, count := first, 0; count < l.Days; d = d.AddDays(1) {
			day := c.Day(d)
			if l.Unit == CalendarDays || day.Kind.Working() {
				count++
			}
			if !yield(day) {
				return
			}
		}
	}
}
