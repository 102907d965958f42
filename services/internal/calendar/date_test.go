package calendar

import (
	"fmt"
	"math"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// on reads a date that the test's author wrote.
func on(t testing.TB, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// anyDate draws a date from the years around the built-in ones.
func anyDate(t *rapid.T, label string) Date {
	return Date{rapid.IntRange(734_000, 744_000).Draw(t, label)} // 2010–2037
}

func TestParseDate(t *testing.T) {
	for _, s := range []string{"0001-01-01", "1970-01-01", "2024-02-29", "2026-12-31", "9999-12-31"} {
		if got := on(t, s).String(); got != s {
			t.Errorf("ParseDate(%q) = %s", s, got)
		}
	}
	for _, s := range []string{
		"", "2026-02-30", "2025-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "0000-12-31",
		"2026-1-1", "26-01-01", "2026/01/01", "20260101", "2026-01-01 ", " 2026-01-01", "2026-01-01T00:00:00Z",
		"10000-01-01", "-001-01-01", "+026-01-01", "２０２６-01-01", "2026年1月1日",
	} {
		if got, err := ParseDate(s); err == nil {
			t.Errorf("ParseDate(%q) = %v, want an error", s, got)
		}
	}
}

// FuzzParseDate compares with the rule of the Gregorian calendar spelled out.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2026-02-28", "2000-02-29", "2100-02-29", "2026-04-31", "0000-01-01"} {
		f.Add(s)
	}
	spelling := regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	exists := func(s string) bool {
		var y, m, d int
		if !spelling.MatchString(s) {
			return false
		}
		if _, err := fmt.Sscanf(s, "%d-%d-%d", &y, &m, &d); err != nil || y < 1 || m < 1 || m > 12 {
			return false
		}
		length := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
		if leap := y%4 == 0 && (y%100 != 0 || y%400 == 0); leap && m == 2 {
			length++
		}
		return d >= 1 && d <= length
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDate(s)
		if (err == nil) != exists(s) {
			t.Fatalf("ParseDate(%q): %v, exists: %v", s, err, exists(s))
		}
		if err == nil && d.String() != s {
			t.Fatalf("ParseDate(%q) = %v", s, d)
		}
	})
}

func TestOn(t *testing.T) {
	for instant, want := range map[string]string{
		"2025-01-24T15:59:59Z":      "2025-01-24",
		"2025-01-24T16:00:00Z":      "2025-01-25",
		"2025-01-24T23:59:59+08:00": "2025-01-24",
		"2025-12-31T16:00:00Z":      "2026-01-01",
		"2025-01-24T12:00:00-08:00": "2025-01-25",
	} {
		at, err := time.Parse(time.RFC3339, instant)
		if err != nil {
			t.Fatal(err)
		}
		if got := On(at).String(); got != want {
			t.Errorf("On(%s) = %s, want %s", instant, got, want)
		}
	}
	if first, last := On(time.Time{}.AddDate(-5, 0, 0)), On(time.Time{}.AddDate(20_000, 0, 0)); first.day != firstDay || last.day != lastDay {
		t.Errorf("outside the years On gives %v and %v", first, last)
	}
}

// A fixed zone may stand for Asia/Shanghai only while that has no summer time.
func TestZoneAgreesWithTheTimeZoneDatabase(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	for d := on(t, "1992-01-01"); d.Year() < 2030; d = d.AddDays(1) {
		y, m, day := d.Start().Date()
		if want := time.Date(y, m, day, 0, 0, 0, 0, shanghai); !d.Start().Equal(want) {
			t.Fatalf("%v starts at %v, want %v", d, d.Start(), want)
		}
	}
}

func TestDateArithmeticAgreesWithTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, n := Date{rapid.IntRange(firstDay+1, lastDay-1).Draw(t, "d")}, rapid.IntRange(-5000, 5000).Draw(t, "n")
		start := d.Start()
		if On(start) != d || On(start.Add(-1)) == d || On(d.End()) == d || On(d.End().Add(-1)) != d {
			t.Fatalf("%v is not from %v until before %v", d, start, d.End())
		}
		if d.Weekday() != start.Weekday() || d.Year() != start.Year() {
			t.Fatalf("%v is a %v of %d", d, d.Weekday(), d.Year())
		}
		moved := start.AddDate(0, 0, n)
		if moved.Year() < 1 || moved.Year() > 9999 {
			return
		}
		if got := d.AddDays(n); got.String() != moved.Format(time.DateOnly) || d.DaysUntil(got) != n {
			t.Fatalf("%v + %d = %v, want %v", d, n, got, moved)
		}
	})
}

func TestDatesEnd(t *testing.T) {
	for _, n := range []int{lastDay, math.MaxInt} {
		if up, down := on(t, "2026-01-01").AddDays(n), on(t, "2026-01-01").AddDays(-n); up.String() != "9999-12-31" || down.String() != "0001-01-01" {
			t.Errorf("± %d days: %v and %v", n, down, up)
		}
	}
	var none Date
	if !none.IsZero() || none.String() != "" || none.AddDays(3) != none || none.Year() != 0 || !none.Before(on(t, "0001-01-01")) {
		t.Errorf("no date is %v", none)
	}
}

func TestNearIsAtMostSoManyYearsAway(t *testing.T) {
	for _, c := range []struct {
		date, today string
		want        bool
	}{
		{"2025-11-23", "2026-11-23", true},
		{"2025-11-22", "2026-11-23", false},
		{"2029-11-23", "2026-11-23", true},
		{"2029-11-24", "2026-11-23", false},
		{"2031-03-01", "2028-02-29", true},
		{"9999-12-31", "2026-11-23", false},
		{"9999-12-31", "9998-01-01", true},
		{"1900-01-01", "2026-11-23", false},
		{"", "2026-11-23", false},
		{"2026-02-30", "2026-02-28", false},
		{"2026-02-28", "", false},
	} {
		if got := Near(c.date, c.today, 1, 3); got != c.want {
			t.Errorf("Near(%q, %q, 1, 3) = %t", c.date, c.today, got)
		}
	}
}
