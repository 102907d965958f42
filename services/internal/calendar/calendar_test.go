package calendar

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The notices, written out a second time, day by day.
var (
	daysOff = strings.Fields(`
		2024-01-01
		2024-02-10 2024-02-11 2024-02-12 2024-02-13 2024-02-14 2024-02-15 2024-02-16 2024-02-17
		2024-04-04 2024-04-05 2024-04-06
		2024-05-01 2024-05-02 2024-05-03 2024-05-04 2024-05-05
		2024-06-10
		2024-09-15 2024-09-16 2024-09-17
		2024-10-01 2024-10-02 2024-10-03 2024-10-04 2024-10-05 2024-10-06 2024-10-07

		2025-01-01
		2025-01-28 2025-01-29 2025-01-30 2025-01-31 2025-02-01 2025-02-02 2025-02-03 2025-02-04
		2025-04-04 2025-04-05 2025-04-06
		2025-05-01 2025-05-02 2025-05-03 2025-05-04 2025-05-05
		2025-05-31 2025-06-01 2025-06-02
		2025-10-01 2025-10-02 2025-10-03 2025-10-04 2025-10-05 2025-10-06 2025-10-07 2025-10-08

		2026-01-01 2026-01-02 2026-01-03
		2026-02-15 2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-02-20 2026-02-21 2026-02-22 2026-02-23
		2026-04-04 2026-04-05 2026-04-06
		2026-05-01 2026-05-02 2026-05-03 2026-05-04 2026-05-05
		2026-06-19 2026-06-20 2026-06-21
		2026-09-25 2026-09-26 2026-09-27
		2026-10-01 2026-10-02 2026-10-03 2026-10-04 2026-10-05 2026-10-06 2026-10-07`)
	weekendsWorked = strings.Fields(`
		2024-02-04 2024-02-18 2024-04-07 2024-04-28 2024-05-11 2024-09-14 2024-09-29 2024-10-12
		2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11
		2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10`)
)

func TestBuiltinFollowsTheNotices(t *testing.T) {
	var off, worked []string
	c := Builtin()
	for d := on(t, "2023-01-01"); d.Year() < 2028; d = d.AddDays(1) {
		switch day := c.Day(d); {
		case day.Known != (d.Year() >= 2024 && d.Year() <= 2026), day.Kind.Working() != c.Working(d), day.Known != c.Known(d):
			t.Errorf("%v is %+v", d, day)
		case (day.Kind == Holiday || day.Kind == MakeUp) != (day.Name != ""):
			t.Errorf("%v is %s and called %q", d, day.Kind, day.Name)
		case day.Kind == Holiday:
			off = append(off, d.String())
		case day.Kind == MakeUp:
			worked = append(worked, d.String())
		}
	}
	if diff := cmp.Diff(daysOff, off); diff != "" {
		t.Errorf("days off (-notices +built in):\n%s", diff)
	}
	if diff := cmp.Diff(weekendsWorked, worked); diff != "" {
		t.Errorf("make-up days (-notices +built in):\n%s", diff)
	}
}

// testdata/chinese-days.txt is what the npm package chinese-days 1.5.7 says of
// each day from 2024-01-01 to the last that it knows, 2026-10-10. It was made
// once by asking its getDayDetail: one line a month, one letter a day. A name
// with a comma in it is a holiday's, the others are the weekday's.
func TestBuiltinAgreesWithChineseDays(t *testing.T) {
	letters := map[Kind]byte{Workday: '.', Weekend: '-', Holiday: 'H', MakeUp: 'M'}
	file, err := os.Open("testdata/chinese-days.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c, d := Builtin(), on(t, "2024-01-01")
	for lines := bufio.NewScanner(file); lines.Scan(); {
		month, days, _ := strings.Cut(lines.Text(), " ")
		for i := range len(days) {
			if !strings.HasPrefix(d.String(), month) || letters[c.Day(d).Kind] != days[i] {
				t.Errorf("%v is %s, want %c (month %s)", d, c.Day(d).Kind, days[i], month)
			}
			d = d.AddDays(1)
		}
	}
	if d.String() != "2026-10-11" {
		t.Errorf("compared until before %v", d)
	}
}

func parsed(t testing.TB, rows ...string) *Calendar {
	t.Helper()
	c, err := Parse([]byte("kind,from,to,name\n" + strings.Join(rows, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// invented2027 is no notice: 2027 is not announced. It begins in December, as
// the notices for 2019 and 2023 did.
var invented2027 = []string{
	"year,2027-01-01,2027-12-31,测试",
	"holiday,2026-12-31,2027-01-02,元旦",
	"make-up,2026-12-27,2026-12-27,元旦",
}

// with2027 is the built-in calendar and that year.
func with2027(t testing.TB) *Calendar {
	t.Helper()
	c, err := Parse([]byte(china + "\n" + strings.Join(invented2027, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnotherYearReachesBackIntoDecember(t *testing.T) {
	old, both := Builtin(), with2027(t)
	for s, want := range map[string]Kind{
		"2026-12-27": MakeUp, "2026-12-31": Holiday, "2027-01-01": Holiday, "2027-01-03": Weekend, "2027-01-04": Workday, "2026-10-10": MakeUp,
	} {
		if day := both.Day(on(t, s)); day.Kind != want || !day.Known {
			t.Errorf("%s is %+v, want a known %s", s, day, want)
		}
	}
	if old.Known(on(t, "2027-01-01")) || old.Day(on(t, "2026-12-31")).Kind != Workday {
		t.Error("the built-in calendar knows 2027")
	}
	want := append(old.Years(), Year{2027, "测试"})
	if diff := cmp.Diff(want, both.Years()); diff != "" {
		t.Errorf("years (-want +got):\n%s", diff)
	}
}

// A verdict stores this very string: it may change only when the data does.
func TestVersionNamesTheContent(t *testing.T) {
	const want = "cn-2024-2026-390bf3d50d0412d3"
	if got := Builtin().Version(); got != want {
		t.Errorf("version %s, want %s", got, want)
	}
	year, one, two := "year,2027-01-01,2027-12-31,测试", "holiday,2027-01-01,2027-01-02,元旦", "make-up,2027-01-09,2027-01-09,元旦"
	base := parsed(t, year, one, two).Version()
	if got := parsed(t, "# note", year, "", two, "holiday,2027-01-02,2027-01-02,元旦", "holiday,2027-01-01,2027-01-01,元旦\r").Version(); got != base {
		t.Errorf("another layout changed %s to %s", base, got)
	}
	for _, other := range [][]string{
		{year, one}, {year, one, two + "节"}, {year + "二", one, two}, {year, one, "make-up,2027-01-10,2027-01-10,元旦"},
		{year, one, "holiday,2027-01-09,2027-01-09,元旦"},
	} {
		if got := parsed(t, other...).Version(); got == base {
			t.Errorf("%q has the version of other data", other)
		}
	}
	if got := new(Calendar).Version(); got != "" {
		t.Errorf("the zero Calendar has version %q", got)
	}
}
