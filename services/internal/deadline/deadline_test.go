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
func TestADayThatIsADayOffIsRolled(t *testing.T) {
	for written, want := range map[string]deadline.Day{
		"2026-04-03": {Date: "2026-04-03"},
		"2026-04-04": {Date: "2026-04-07"},
		"2026-12-31": {Date: "2026-12-31"},
		"2027-01-01": {Date: "2027-01-01", Provisional: true, From: "2027-01-01"},
		"2027-01-02": {Date: "2027-01-04", Provisional: true, From: "2027-01-02"},
	} {
		if got := deadline.Rolled(date(t, written), calendar.Builtin()); got != want {
			t.Errorf("%s is rolled to %v, want %v", written, got, want)
		}
	}
}

// A provisional day is counted anew from what it was counted from. It becomes no earlier
// than today, unless it had passed; what is not provisional stays what it is.
func TestWhatADayBecomesOnceMoreIsAnnounced(t *testing.T) {
	known := deadline.Day{Date: "2027-01-12"}
	for name, c := range map[string]struct {
		old                deadline.Day
		today, again, want string
	}{
		"later":                    {deadline.Day{Date: "2027-01-12", From: "2026-12-22"}, "2027-01-04", "2027-01-20", "2027-01-20"},
		"later, and it had passed": {deadline.Day{Date: "2027-01-12", From: "2026-12-22"}, "2027-01-15", "2027-01-20", "2027-01-20"},
		"earlier":                  {deadline.Day{Date: "2027-01-12", From: "2026-12-22"}, "2027-01-04", "2027-01-10", "2027-01-10"},
		"earlier than today":       {deadline.Day{Date: "2027-01-12", From: "2026-12-22"}, "2027-01-11", "2027-01-10", "2027-01-11"},
		"earlier, once it passed":  {deadline.Day{Date: "2027-01-12", From: "2026-12-22"}, "2027-01-15", "2027-01-10", "2027-01-12"},
		"and days were added":      {deadline.Day{Date: "2027-01-14", From: "2026-12-22", Added: 2}, "2027-01-04", "2027-01-20", "2027-01-22"},
	} {
		c.old.Provisional = true
		count := func(from calendar.Date) deadline.Day {
			if from != date(t, "2026-12-22") {
				t.Errorf("%s: counted from %s", name, from)
			}
			return deadline.Day{Date: c.again}
		}
		if got := c.old.Anew(c.today, count); got != (deadline.Day{Date: c.want}) {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	if got := known.Anew("2027-01-04", nil); got != known {
		t.Errorf("what was known becomes %v", got)
	}
	old := deadline.Day{Date: "2027-01-14", Provisional: true, From: "2026-12-22", Added: 2}
	got := old.Anew("2027-01-04", func(from calendar.Date) deadline.Day { return deadline.Answer(from, calendar.Builtin()) })
	if got != old {
		t.Errorf("while nothing is announced, %v becomes %v", old, got)
	}
}

func TestWhichDaysAreProvisional(t *testing.T) {
	known, year := deadline.Day{Date: "2026-12-31"}, deadline.Day{Date: "2027-01-04", Provisional: true, From: "2026-12-28"}
	for name, c := range map[string]struct {
		due, before deadline.Day
		returned    string
		want        deadline.Day
	}{
		"within the year":                    {known, deadline.Day{}, "2026-12-24", known},
		"into the next":                      {known, deadline.Day{}, "2026-12-28", year},
		"long before a day of the next":      {deadline.Day{Date: "2027-03-01"}, deadline.Day{}, "2026-12-07", deadline.Day{Date: "2027-03-01"}},
		"long before one that is itself so":  {year, deadline.Day{}, "2026-12-07", deadline.Day{Date: "2027-01-04", Provisional: true, From: "2026-12-07"}},
		"again, by a day of the next":        {known, year, "2026-12-28", deadline.Day{Date: "2027-01-06", Provisional: true, From: "2026-12-28", Added: 2}},
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
