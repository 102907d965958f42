package calendar

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const (
	firstYear   = 1992 // see beijing
	lastYear    = 2999
	maxHolidays = 60 // a notice; they give some 30 days off, weekends included
)

// draft is a calendar being put together. It holds the rules that data must keep.
type draft struct {
	notices    map[int]string
	exceptions map[Date]exception
}

func (f *draft) declare(y Year) error {
	if y.Year < firstYear || y.Year > lastYear {
		return fmt.Errorf("year %d is outside %d–%d", y.Year, firstYear, lastYear)
	}
	if f.notices[y.Year] != "" {
		return fmt.Errorf("year %d is declared twice", y.Year)
	}
	f.notices[y.Year] = y.Notice
	return nil
}

// except adds a day. A notice may reach back into the December before its
// year, because New Year's holiday (元旦) sometimes begins there.
func (f *draft) except(d Date, e exception) error {
	december := d.AddDays(31).Year() == e.notice
	if d.Year() != e.notice && !december {
		return fmt.Errorf("%v is outside year %d and the December before", d, e.notice)
	}
	if old, found := f.exceptions[d]; found {
		return fmt.Errorf("%v is %s in the notice for %d and %s in the notice for %d",
			d, old.kind, old.notice, e.kind, e.notice)
	}
	if e.kind == MakeUp && usual(d) == Workday {
		return fmt.Errorf("%v is a %v: only a Saturday or Sunday can be a make-up day", d, d.Weekday())
	}
	f.exceptions[d] = e
	return nil
}

// check says whether every year has holidays, and a credible number of them.
func (f *draft) check() error {
	if len(f.notices) == 0 {
		return errors.New("no year is declared")
	}
	off := map[int]int{}
	for _, e := range f.exceptions {
		if e.kind == Holiday {
			off[e.notice]++
		}
	}
	for year := range f.notices {
		if n := off[year]; n == 0 || n > maxHolidays {
			return fmt.Errorf("year %d has %d holidays, want 1–%d", year, n, maxHolidays)
		}
	}
	return nil
}

func (f *draft) calendar() *Calendar {
	c := &Calendar{notices: f.notices, exceptions: f.exceptions}
	c.version = c.digest()
	return c
}

// digest names the content, not its layout: years and days are in order, and a
// row of several days reads like several rows.
func (c *Calendar) digest() string {
	years := c.Years()
	if len(years) == 0 {
		return ""
	}
	h := sha256.New()
	for _, y := range years {
		fmt.Fprintf(h, "%d %q\n", y.Year, y.Notice)
	}
	for _, d := range ordered(c.exceptions) {
		e := c.exceptions[d]
		fmt.Fprintf(h, "%v %s %q %d\n", d, e.kind, e.name, e.notice)
	}
	return fmt.Sprintf("cn-%d-%d-%x", years[0].Year, years[len(years)-1].Year, h.Sum(nil)[:8])
}

func ordered(days map[Date]exception) []Date {
	return slices.SortedFunc(maps.Keys(days), func(a, b Date) int { return cmp.Compare(a.day, b.day) })
}
