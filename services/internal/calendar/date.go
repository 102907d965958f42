package calendar

import (
	"fmt"
	"time"
)

const (
	layout    = time.DateOnly
	firstDay  = 1         // 0001-01-01, a Monday
	lastDay   = 3_652_059 // 9999-12-31
	unixEpoch = 719_163   // 1970-01-01
	daySecs   = 24 * 60 * 60
)

// beijing is the only clock of the whole country. It has been UTC+8 without
// summer time since 1992, so a fixed zone says what tzdata would.
var beijing = time.FixedZone("CST", 8*60*60)

// Date is a civil date between 0001-01-01 and 9999-12-31 in Asia/Shanghai.
// Dates compare with ==. The zero Date is no date: it prints as "" and comes
// before every other.
type Date struct{ day int }

// ParseDate reads a date in the one spelling YYYY-MM-DD. It refuses every
// other spelling and dates that do not exist, such as 2026-02-30.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(layout, s)
	if err != nil {
		return Date{}, fmt.Errorf("parsing date %q: want an existing YYYY-MM-DD", s)
	}
	if t.Year() == 0 {
		return Date{}, fmt.Errorf("parsing date %q: there is no year 0000", s)
	}
	return civil(t), nil
}

// On returns the date on which the instant t falls in Asia/Shanghai. It is
// right for instants since 1992; before, summer time may make it a day early.
// Instants outside the years of Date fall on the first or last one.
func On(t time.Time) Date { return civil(t.In(beijing)) }

// civil returns the date that t shows in its own zone.
func civil(t time.Time) Date {
	y, m, d := t.Date()
	days := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / daySecs
	return within(int(days) + unixEpoch)
}

// String spells the date YYYY-MM-DD.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.midnight(time.UTC).Format(layout)
}

// IsZero tells whether d is no date.
func (d Date) IsZero() bool { return d.day == 0 }

// Year returns the year of d, 0 for the zero Date.
func (d Date) Year() int { return d.midnight(time.UTC).Year() }

// Weekday returns the day of the week of d, which MUST NOT be zero.
func (d Date) Weekday() time.Weekday { return time.Weekday(d.day % 7) }

// Before tells whether d is earlier than other.
func (d Date) Before(other Date) bool { return d.day < other.day }

// Equal tells the same as ==, for packages that compare by method.
func (d Date) Equal(other Date) bool { return d == other }

// AddDays returns the date n natural days after d, or before it if n is
// negative. It stops at the first and last date there are; no date stays none.
func (d Date) AddDays(n int) Date {
	if d.IsZero() {
		return d
	}
	return within(d.day + min(max(n, -lastDay), lastDay))
}

// Near says whether a date lies no more than so many years before today and so many after
// it, all YYYY-MM-DD: who mistypes a year is told so before it binds anybody. What is no
// date lies nowhere.
func Near(date, today string, back, ahead int) bool {
	d, errDate := ParseDate(date)
	t, errToday := ParseDate(today)
	return errDate == nil && errToday == nil && !d.Before(t.addYears(-back)) && !t.addYears(ahead).Before(d)
}

// addYears returns the same day of another year, and of 29 February 1 March where there is none.
func (d Date) addYears(n int) Date { return civil(d.midnight(time.UTC).AddDate(n, 0, 0)) }

func within(day int) Date { return Date{min(max(day, firstDay), lastDay)} }

// DaysUntil returns the natural days from d to other, negative if other is
// earlier.
func (d Date) DaysUntil(other Date) int { return other.day - d.day }

// Start returns the first instant of d in Asia/Shanghai.
func (d Date) Start() time.Time { return d.midnight(beijing) }

// End returns the first instant after d in Asia/Shanghai: what was due on d is
// late unless now is before it.
func (d Date) End() time.Time { return d.midnight(beijing).AddDate(0, 0, 1) }

func (d Date) midnight(zone *time.Location) time.Time {
	return time.Date(1, time.January, d.day, 0, 0, 0, 0, zone)
}
