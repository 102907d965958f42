package reports

import (
	"fmt"
	"strconv"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// rhythms say how many months a period has, and how it is written.
var rhythms = map[aggregationv1.ReportForm_Rhythm]struct {
	months int
	shape  string
	zh     string
}{
	aggregationv1.ReportForm_RHYTHM_MONTHLY:     {1, "YYYY-MM", "年份加月份（如 2026-09）"},
	aggregationv1.ReportForm_RHYTHM_QUARTERLY:   {3, "YYYY-Q1", "年份加季度（如 2026-Q3）"},
	aggregationv1.ReportForm_RHYTHM_HALF_YEARLY: {6, "YYYY-H1", "年份加半年（如 2026-H1）"},
	aggregationv1.ReportForm_RHYTHM_YEARLY:      {12, "YYYY", "年份（如 2026）"},
}

// firstYear is the first of which there is a period: of none before have there been figures.
const firstYear = 1900

// Period is a report's period (报告期): whole months of one year.
type Period struct {
	year, first, months int
}

// ParsePeriod reads a period of the form's rhythm.
func ParsePeriod(form *aggregationv1.ReportForm, text string) (Period, error) {
	rhythm := rhythms[form.GetRhythm()]
	for first := 1; first <= 12; first += rhythm.months {
		var year int
		if len(text) >= 4 {
			year, _ = strconv.Atoi(text[:4])
		}
		if p := (Period{year, first, rhythm.months}); p.String() == text && year >= firstYear {
			return p, nil
		}
	}
	return Period{}, ErrPeriodInvalid.Say("shape", rhythm.zh, rhythm.shape).At("report.period", "与报送周期不符", "does not fit the rhythm")
}

// EndingIn returns the period of the form that ends in a month YYYY-MM, if one
// does.
func EndingIn(form *aggregationv1.ReportForm, month string) (Period, bool) {
	t, err := time.Parse("2006-01", month)
	n := rhythms[form.GetRhythm()].months
	if err != nil || int(t.Month())%n != 0 {
		return Period{}, false
	}
	return Period{t.Year(), int(t.Month()) - n + 1, n}, true
}

// String writes the period as the API does.
func (p Period) String() string {
	n := (p.first-1)/p.months + 1
	switch p.months {
	case 1:
		return fmt.Sprintf("%04d-%02d", p.year, p.first)
	case 3:
		return fmt.Sprintf("%04d-Q%d", p.year, n)
	case 6:
		return fmt.Sprintf("%04d-H%d", p.year, n)
	default:
		return fmt.Sprintf("%04d", p.year)
	}
}

// Months returns the months of the period, each YYYY-MM.
func (p Period) Months() []string {
	all := make([]string, p.months)
	for i := range all {
		all[i] = fmt.Sprintf("%04d-%02d", p.year, p.first+i)
	}
	return all
}

// end is the last day.
func (p Period) end() calendar.Date {
	return calendar.On(time.Date(p.year, time.Month(p.first+p.months), 1, 0, 0, 0, 0, time.UTC)).AddDays(-1)
}

// Start returns the first instant of the period.
func (p Period) Start() time.Time {
	return calendar.On(time.Date(p.year, time.Month(p.first), 1, 0, 0, 0, 0, time.UTC)).Start()
}

// End returns the last instant of the period.
func (p Period) End() time.Time { return p.end().End().Add(-1) }

// LastDay returns the last day of the period, YYYY-MM-DD.
func (p Period) LastDay() string { return p.end().String() }

// DayAfter returns the first day after the period, YYYY-MM-DD.
func (p Period) DayAfter() string { return p.end().AddDays(1).String() }

// Before returns the period before this one.
func (p Period) Before() Period {
	if p.first > 1 {
		return Period{p.year, p.first - p.months, p.months}
	}
	return Period{p.year - 1, 13 - p.months, p.months}
}

// Window is until when a report is taken.
type Window struct {
	Due  string // the last day on which it is in time
	Late string // the last day on which it is taken without leave
}

// WindowOf returns the window of a period of the form. A due day on which nobody
// works is moved to the next working day (顺延); days of grace are natural days.
func WindowOf(form *aggregationv1.ReportForm, p Period, days *calendar.Calendar) Window {
	due := p.end().AddDays(int(form.GetDueDay()))
	if !days.Working(due) {
		due = days.AddWorkingDays(due, 1).Date
	}
	return Window{Due: due.String(), Late: due.AddDays(int(form.GetLateDays())).String()}
}
