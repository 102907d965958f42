package calendar

import (
	_ "embed" // for the directive below, which the compiler refuses without it
	"fmt"
	"maps"
	"slices"
	"time"
)

//go:embed china.csv
var china string

// Kind says what sort of day a day is.
type Kind string

// The kinds of day. Only a workday and a make-up day are working days.
const (
	Workday Kind = "workday" // Monday to Friday (工作日)
	Weekend Kind = "weekend" // Saturday and Sunday (公休日)
	Holiday Kind = "holiday" // off by a notice, on whatever weekday (放假)
	MakeUp  Kind = "make-up" // a Saturday or Sunday worked by a notice (调休上班)
)

// Working tells whether a day of this kind is a working day (工作日).
func (k Kind) Working() bool { return k == Workday || k == MakeUp }

// Day is what a calendar says of one date.
type Day struct {
	Date Date
	Kind Kind
	// Name is the holiday (节日) that makes it a holiday or a make-up day, as
	// the notice calls it; empty on other days.
	Name string
	// Known tells whether the year's arrangement has been announced. The kind
	// of an unknown day is provisional (暂定).
	Known bool
}

// Year is one announced year and the notice that arranged it.
type Year struct {
	Year   int
	Notice string
}

// Calendar classifies days. It never changes once made and may be shared
// between goroutines. The zero Calendar knows no year: every day of it is a
// provisional workday or weekend.
type Calendar struct {
	notices    map[int]string
	exceptions map[Date]exception
	version    string
}

// exception is a day that a notice made other than its weekday makes it.
type exception struct {
	kind   Kind
	name   string
	notice int // the year whose notice says so
}

// Builtin returns the calendar of the State Council's notices for 2024–2026.
// It parses them anew, so call it once and keep the result.
func Builtin() *Calendar {
	c, err := Parse([]byte(china))
	if err != nil {
		panic(fmt.Sprintf("calendar: the built-in data is broken: %v", err))
	}
	return c
}

// Version names the data: the years and a digest of all that the notices say.
// The same data has the same version however its document was laid out. A
// verdict MUST store the version it was made with. It is empty for the zero
// Calendar.
func (c *Calendar) Version() string { return c.version }

// Years lists the announced years in order.
func (c *Calendar) Years() []Year {
	years := make([]Year, 0, len(c.notices))
	for _, y := range slices.Sorted(maps.Keys(c.notices)) {
		years = append(years, Year{y, c.notices[y]})
	}
	return years
}

// Known tells whether the arrangement of d's year has been announced. A later
// notice can still change a known day, rarely; the version tells.
func (c *Calendar) Known(d Date) bool { return c.notices[d.Year()] != "" }

// Working tells whether d is a working day (工作日). For an unknown day the
// answer is provisional.
func (c *Calendar) Working(d Date) bool { return c.kind(d).Working() }

// Day returns all that the calendar says of d.
func (c *Calendar) Day(d Date) Day {
	return Day{Date: d, Kind: c.kind(d), Name: c.exceptions[d].name, Known: c.Known(d)}
}

func (c *Calendar) kind(d Date) Kind {
	if e, found := c.exceptions[d]; found {
		return e.kind
	}
	return usual(d)
}

// usual is the kind of a day that no notice mentions.
func usual(d Date) Kind {
	if w := d.Weekday(); w == time.Saturday || w == time.Sunday {
		return Weekend
	}
	return Workday
}
