package calendar

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDue(t *testing.T) {
	for _, tc := range []struct {
		why, from string
		limit     Limit
		want      string
	}{
		{"春节 and a make-up Sunday", "2025-01-24", Limit{5, WorkingDays, NextDay}, "2025-02-07"},
		{"国庆 to a make-up Saturday", "2025-09-28", Limit{5, WorkingDays, NextDay}, "2025-10-11"},
		{"nine days of 春节", "2026-02-13", Limit{5, WorkingDays, NextDay}, "2026-02-27"},
		{"the start counts", "2025-01-24", Limit{5, WorkingDays, SameDay}, "2025-02-06"},
		{"a start on a day off does not", "2025-02-01", Limit{1, WorkingDays, SameDay}, "2025-02-05"},
		{"a start on a make-up day does", "2025-01-26", Limit{1, WorkingDays, SameDay}, "2025-01-26"},
		{"the same day", "2025-01-25", Limit{1, CalendarDays, SameDay}, "2025-01-25"},
		{"信访 15 日", "2025-01-20", Limit{15, CalendarDays, NextDay}, "2025-02-04"},
		{"信访 60 日", "2024-01-01", Limit{60, CalendarDays, NextDay}, "2024-03-01"},
		{"natural days end on a holiday as they stand", "2026-04-04", Limit{1, CalendarDays, NextDay}, "2026-04-05"},
		{"natural days need no notice", "2026-12-20", Limit{30, CalendarDays, NextDay}, "2027-01-19"},
		{"the last day that is announced", "2026-12-30", Limit{1, WorkingDays, NextDay}, "2026-12-31"},
		{"only the start is unknown", "2023-12-31", Limit{1, WorkingDays, NextDay}, "2024-01-02"},
		{"beyond the notices", "2026-12-31", Limit{1, WorkingDays, NextDay}, "2027-01-01 provisional"},
		{"skipped days beyond", "2026-12-25", Limit{10, WorkingDays, NextDay}, "2027-01-08 provisional"},
		{"before the notices", "2023-12-28", Limit{1, WorkingDays, NextDay}, "2023-12-29 provisional"},
		{"through a year before", "2023-12-29", Limit{1, WorkingDays, NextDay}, "2024-01-02 provisional"},
	} {
		due, err := Builtin().Due(on(t, tc.from), tc.limit)
		if err != nil {
			t.Fatal(err)
		}
		got := due.Date.String()
		if due.Provisional {
			got += " provisional"
		}
		if got != tc.want || due.Calendar != Builtin().Version() {
			t.Errorf("%s: %+v from %s is %s by %s, want %s", tc.why, tc.limit, tc.from, got, due.Calendar, tc.want)
		}
	}
}

func TestADeadlineIsProvisionalUntilItsYearIsAnnounced(t *testing.T) {
	from, limit := on(t, "2026-12-25"), Limit{5, WorkingDays, NextDay}
	before, err := Builtin().Due(from, limit)
	if err != nil {
		t.Fatal(err)
	}
	more := with2027(t)
	after, err := more.Due(from, limit)
	if err != nil {
		t.Fatal(err)
	}
	if before.Date.String() != "2027-01-01" || !before.Provisional {
		t.Errorf("before the notice: %+v", before)
	}
	if after.Date.String() != "2027-01-04" || after.Provisional || after.Calendar != more.Version() {
		t.Errorf("after the notice: %+v", after)
	}
}

func anyLimit(t *rapid.T) Limit {
	return Limit{
		Days:  rapid.IntRange(1, 400).Draw(t, "days"),
		Unit:  rapid.SampledFrom([]Unit{CalendarDays, WorkingDays}).Draw(t, "unit"),
		Start: rapid.SampledFrom([]Start{NextDay, SameDay}).Draw(t, "start"),
	}
}

// A later start and a longer limit never bring a deadline forward, and working
// days are never faster than natural ones.
func TestDueIsMonotone(t *testing.T) {
	c := Builtin()
	rapid.Check(t, func(t *rapid.T) {
		from, l := anyDate(t, "from"), anyLimit(t)
		due := func(from Date, l Limit) Date {
			d, err := c.Due(from, l)
			if err != nil {
				t.Fatal(err)
			}
			return d.Date
		}
		base, longer, natural := due(from, l), l, l
		longer.Days++
		natural.Unit = CalendarDays
		switch {
		case due(from.AddDays(1), l).Before(base):
			t.Fatalf("%+v: a day after %v it is due earlier than %v", l, from, base)
		case !base.Before(due(from, longer)):
			t.Fatalf("%+v from %v: a day more is due no later than %v", l, from, base)
		case base.Before(due(from, natural)):
			t.Fatalf("%+v from %v: due %v, before natural days", l, from, base)
		}
	})
}

func TestDueRefuses(t *testing.T) {
	good, today := Limit{5, WorkingDays, NextDay}, on(t, "2026-01-01")
	for _, tc := range []struct {
		from  Date
		limit Limit
	}{
		{today, Limit{}},
		{today, Limit{0, WorkingDays, NextDay}},
		{today, Limit{-1, WorkingDays, NextDay}},
		{today, Limit{MaxLimit + 1, CalendarDays, NextDay}},
		{today, Limit{math.MaxInt, WorkingDays, NextDay}},
		{today, Limit{5, "", NextDay}},
		{today, Limit{5, "business", NextDay}},
		{today, Limit{5, WorkingDays, ""}},
		{Date{}, good},
		{on(t, "1991-12-31"), good},
		{on(t, "3000-01-01"), good},
	} {
		due, err := Builtin().Due(tc.from, tc.limit)
		if err == nil || due != (Deadline{}) {
			t.Errorf("%+v from %q: due %v", tc.limit, tc.from, due)
		}
	}
	longest := Limit{MaxLimit, WorkingDays, NextDay}
	if due, err := Builtin().Due(on(t, "2999-12-31"), longest); err != nil || due.Date.Year() > 2999+2*MaxLimit/365 {
		t.Errorf("the longest limit: %v, %v", due, err)
	}
}
