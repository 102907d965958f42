package story

import (
	"testing"

	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
)

// told is a story in which one school has one closed and one overdue problem.
func told() *Story {
	c := &cast.City{Units: []cast.Unit{{Code: "HB"}, {Code: "YC", Parent: "HB"}, {Code: "D", Parent: "YC"}, {Code: "S", Parent: "D"}}}
	s := New(c, nil, "", nil)
	s.picture, s.Date = &picture.Picture{}, "2026-12-15"
	for _, m := range []*matter{
		{unit: "S", accepted: true, closed: true, deadline: "2026-05-29", returns: 2},
		{unit: "S", accepted: true, deadline: "2026-12-14"},
		{unit: "S", accepted: true, deadline: "2026-12-15"}, // its last day is not over
		{unit: "S", accepted: true, cancelled: true},
		{unit: "S", deadline: "2026-05-29"}, // no superior has accepted it
	} {
		m.Category = "WEAK"
		s.matters = append(s.matters, m)
	}
	return s
}

func TestCount(t *testing.T) {
	count := told().count()
	for metric, want := range map[string]int64{
		"problems_found": 3, "problems_closed": 1, "problems_open": 2, "problems_overdue": 1, "problems_returned": 2, "problems_cancelled": 1,
	} {
		for _, category := range []string{"", "WEAK"} {
			if got := count.Of("YC", category, metric); got != want {
				t.Errorf("%s %s: got %d, want %d", metric, category, got, want)
			}
		}
	}
	if got := count.Of("HB", "SLOW", "problems_found"); got != 0 {
		t.Errorf("another category has %d", got)
	}
}

// TestCompareFindsEveryDifference: a figure of the suite that is off by one
// stops the story.
func TestCompareFindsEveryDifference(t *testing.T) {
	s := told()
	right := picture.Figures{}
	for _, metric := range metrics {
		right[metric] = s.count().Of("D", "", metric)
	}
	if err := s.compare("D", "", right); err != nil {
		t.Fatal(err)
	}
	for _, metric := range metrics {
		right[metric]++
		if s.compare("D", "", right) == nil {
			t.Errorf("%s may be off by one", metric)
		}
		right[metric]--
	}
}

func TestRoundsKeepDeadlines(t *testing.T) {
	for _, c := range []struct{ deadline, in, out string }{
		{"2026-04-30", "2026-04-28", "2026-05-14"},
		{"2026-05-28", "2026-05-28", "2026-06-12"},
		{"2026-11-15", "2026-11-12", "2026-12-01"},
	} {
		if in, out := before(c.deadline), after(c.deadline); in != c.in || out != c.out {
			t.Errorf("%s: in time on %s, late on %s, want %s and %s", c.deadline, in, out, c.in, c.out)
		}
	}
}
