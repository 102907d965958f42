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
		if got := deadline.Correction(due, c.before, turn, calendar.Builtin()); got != c.want {
			t.Errorf("returned %s: by %s, want %s", name, got, c.want)
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
		if got, provisional := deadline.Answer(date(t, filed), calendar.Builtin()); got != want || provisional {
			t.Errorf("filed on %s: by %s (provisional: %v), want %s", filed, got, provisional, want)
		}
	}
	if _, provisional := deadline.Answer(date(t, "2026-12-15"), calendar.Builtin()); !provisional {
		t.Error("the holidays of 2027 are taken for known")
	}
}
