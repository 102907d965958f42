package calendar

// AddWorkingDays returns the working day that is n working days after d, or
// before d if n is negative, and d itself for n = 0: always the one working
// day x for which WorkingDaysBetween(d, x) is n. Back from a day off, that is
// the day on which n working days are left: one working day before a Sunday is
// Thursday, when Friday is left. It stops at the first and last date there
// are; no date stays none.
func (c *Calendar) AddWorkingDays(d Date, n int) Deadline {
	x := Deadline{Date: d, Calendar: c.version}
	if n < 0 {
		c.goBack(&x, -max(n, -lastDay))
	} else {
		c.goOn(&x, n)
	}
	return x
}

func (c *Calendar) goOn(x *Deadline, n int) {
	for n > 0 && !x.Date.IsZero() && x.Date.day < lastDay {
		x.Date = x.Date.AddDays(1)
		x.Provisional = x.Provisional || !c.Known(x.Date)
		if c.Working(x.Date) {
			n--
		}
	}
}

// goBack leaves n working days behind and stops on the next one.
func (c *Calendar) goBack(x *Deadline, n int) {
	for ; x.Date.day > firstDay; x.Date = x.Date.AddDays(-1) {
		x.Provisional = x.Provisional || !c.Known(x.Date)
		if !c.Working(x.Date) {
			continue
		}
		if n == 0 {
			return
		}
		n--
	}
}

// WorkingDaysBetween returns the working days after a up to and including b,
// and the negative of those after b up to and including a if b is earlier.
// With today first and the deadline second it is what is left; negative, it is
// by how much one is late. Unknown years are counted with weekends only.
func (c *Calendar) WorkingDaysBetween(a, b Date) int {
	if b.Before(a) {
		return -c.WorkingDaysBetween(b, a)
	}
	n := weekdaysUntil(b) - weekdaysUntil(a)
	for d, e := range c.exceptions {
		if a.Before(d) && !b.Before(d) {
			n += e.change(d)
		}
	}
	return n
}

// weekdaysUntil counts Monday to Friday from 0001-01-01, a Monday, to d.
func weekdaysUntil(d Date) int { return d.day/7*5 + min(d.day%7, 5) }

// change is by how many working days the exception differs from the usual.
func (e exception) change(d Date) int {
	switch {
	case e.kind == MakeUp:
		return 1
	case usual(d) == Workday:
		return -1
	}
	return 0
}
