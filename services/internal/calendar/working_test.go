package calendar

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestAddWorkingDays(t *testing.T) {
	for _, tc := range []struct {
		from        string
		n           int
		want        string
		provisional bool
	}{
		{"2025-01-24", 5, "2025-02-07", false},
		{"2025-09-28", 5, "2025-10-11", false},
		{"2026-02-13", 5, "2026-02-27", false},
		{"2025-02-07", -5, "2025-01-24", false},
		{"2025-02-07", -1, "2025-02-06", false},
		{"2025-02-05", -2, "2025-01-26", false},
		{"2025-03-16", 1, "2025-03-17", false},  // a Sunday
		{"2025-03-16", -1, "2025-03-13", false}, // Friday is left
		{"2025-03-16", 0, "2025-03-16", false},
		{"2026-12-31", 1, "2027-01-01", true},
		{"2024-01-02", -1, "2023-12-29", true},
		{"2024-01-03", -1, "2024-01-02", false},
	} {
		got := Builtin().AddWorkingDays(on(t, tc.from), tc.n)
		if want := (Deadline{on(t, tc.want), tc.provisional, Builtin().Version()}); got != want {
			t.Errorf("%s + %d = %+v, want %+v", tc.from, tc.n, got, want)
		}
	}
}

func TestAddWorkingDaysEnds(t *testing.T) {
	c := Builtin()
	if up := c.AddWorkingDays(on(t, "9999-12-01"), math.MaxInt); up.Date.String() != "9999-12-31" || !up.Provisional {
		t.Errorf("up to %+v", up)
	}
	if down := c.AddWorkingDays(on(t, "0001-02-01"), math.MinInt); down.Date.String() != "0001-01-01" || !down.Provisional {
		t.Errorf("down to %+v", down)
	}
	for _, n := range []int{-1, 0, 1} {
		if none := c.AddWorkingDays(Date{}, n); !none.Date.IsZero() {
			t.Errorf("no date + %d = %v", n, none.Date)
		}
	}
}

func TestWorkingDaysBetween(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"2025-01-24", "2025-02-07", 5},
		{"2025-02-07", "2025-01-24", -5},
		{"2025-02-07", "2025-02-07", 0},
		{"2025-02-07", "2025-02-08", 1},  // a make-up Saturday
		{"2025-03-14", "2025-03-16", 0},  // a weekend is not late yet
		{"2025-03-17", "2025-03-14", -1}, // Monday is
		{"2023-12-31", "2024-12-31", 251},
		{"2024-12-31", "2025-12-31", 248},
		{"2025-12-31", "2026-12-31", 248},
	} {
		if got := Builtin().WorkingDaysBetween(on(t, tc.a), on(t, tc.b)); got != tc.want {
			t.Errorf("from %s to %s: %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestBetweenUndoesAdd(t *testing.T) {
	c := Builtin()
	rapid.Check(t, func(t *rapid.T) {
		d, n := anyDate(t, "d"), rapid.IntRange(-400, 400).Draw(t, "n")
		x := c.AddWorkingDays(d, n)
		if got := c.WorkingDaysBetween(d, x.Date); got != n || n != 0 && !c.Working(x.Date) {
			t.Fatalf("%v + %d = %v (%s), %d between", d, n, x.Date, c.Day(x.Date).Kind, got)
		}
	})
}

func TestBetweenCountsDayByDay(t *testing.T) {
	c := Builtin()
	rapid.Check(t, func(t *rapid.T) {
		a, n := anyDate(t, "a"), rapid.IntRange(0, 500).Draw(t, "n")
		b, want := a, 0
		for range n {
			b = b.AddDays(1)
			if c.Working(b) {
				want++
			}
		}
		if there, back := c.WorkingDaysBetween(a, b), c.WorkingDaysBetween(b, a); there != want || back != -want {
			t.Fatalf("%v to %v: %d and %d back, want %d", a, b, there, back, want)
		}
	})
}

func TestAddIsWhatDueSays(t *testing.T) {
	c := Builtin()
	rapid.Check(t, func(t *rapid.T) {
		d, n := anyDate(t, "d"), rapid.IntRange(1, 400).Draw(t, "n")
		due, err := c.Due(d, Limit{n, WorkingDays, NextDay})
		if err != nil || due != c.AddWorkingDays(d, n) {
			t.Fatalf("%v + %d: due %+v, %v", d, n, due, err)
		}
	})
}
