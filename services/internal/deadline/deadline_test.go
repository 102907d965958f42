package deadline_test

import (
	"testing"

	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
)

func date(t *testing.T, day string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(day)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The days are counted by hand, with the Qingming holiday of 2026 from the 4th to the
// 6th of April.
func TestByWhichDayWhatIsReturnedIsHandedInAgain(t *testing.T) {
	const due = "2026-04-03"
	for name, c := range map[string]struct{ before, handedIn, returned, want string }{
		"long before it is due":         {"", "2026-03-02", "2026-03-04", due},
		"across a holiday":              {"", "2026-04-03", "2026-04-03", "2026-04-13"},
		"after it":                      {"", "2026-04-03", "2026-04-08", "2026-04-15"},
		"again on the day":              {"2026-04-15", "2026-04-15", "2026-04-15", "2026-04-15"},
		"again, after a month":          {"2026-04-15", "2026-04-13", "2026-05-13", "2026-05-15"},
		"again, handed in too late":     {"2026-04-15", "2026-06-01", "2026-06-02", "2026-04-16"},
		"what was returned and was due": {"2026-04-03", "2026-04-01", "2026-04-02", "2026-04-04"},
	} {
		turn := deadline.Turn{HandedIn: date(t, c.handedIn), Returned: date(t, c.returned)}
		got := deadline.Correction(deadline.Day{Date: due}, deadline.Day{Date: c.before}, turn, calendar.Builtin())
		if got != (deadline.Day{Date: c.want}) {
			t.Errorf("returned %s: by %v, want %s", name, got, c.want)
		}
	}
}

// What was counted by holidays that are yet to be announced says so, and so does what
// is counted from it.
func TestWhichDaysAreProvisional(t *testing.T) {
	known, year := deadline.Day{Date: "2026-12-31"}, deadline.Day{Date: "2027-01-04", Provisional: true}
	for name, c := range map[string]struct {
		due, before deadline.Day
		returned    string
		want        deadline.Day
	}{
		"within the year":                    {known, deadline.Day{}, "2026-12-24", known},
		"into the next":                      {known, deadline.Day{}, "2026-12-28", deadline.Day{Date: "2027-01-04", Provisional: true}},
		"long before a day of the next":      {deadline.Day{Date: "2027-03-01"}, deadline.Day{}, "2026-12-07", deadline.Day{Date: "2027-03-01"}},
		"long before one that is itself so":  {year, deadline.Day{}, "2026-12-07", year},
		"again, by a day of the next":        {known, year, "2026-12-28", deadline.Day{Date: "2027-01-06", Provisional: true}},
		"again, into the next, by days only": {known, known, "2026-12-28", deadline.Day{Date: "2027-01-02"}},
	} {
		turn := deadline.Turn{HandedIn: date(t, c.returned).AddDays(-2), Returned: date(t, c.returned)}
		if got := deadline.Correction(c.due, c.before, turn, calendar.Builtin()); got != c.want {
			t.Errorf("returned %s: by %v, want %v", name, got, c.want)
		}
	}
}

// The days are counted by hand, with the same holiday.
func TestByWhichDayASuperiorAnswers(t *testing.T) {
	for filed, want := range map[string]string{
		"2026-03-02": "2026-03-23",
		"2026-03-31": "2026-04-22", // the 6th of April is off
		"2026-04-04": "2026-04-27", // a holiday
	} {
		if got := deadline.Answer(date(t, filed), calendar.Builtin()); got != (deadline.Day{Date: want}) {
			t.Errorf("filed on %s: by %v, want %s", filed, got, want)
		}
	}
	if got := deadline.Answer(date(t, "2026-12-15"), calendar.Builtin()); !got.Provisional {
		t.Error("the holidays of 2027 are taken for known")
	}
}
