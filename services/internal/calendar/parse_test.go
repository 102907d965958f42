package calendar

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	const head, year, day = "kind,from,to,name\n", "year,2027-01-01,2027-12-31,测试\n", "holiday,2027-01-01,2027-01-01,元旦\n"
	for name, tc := range map[string]struct{ data, want string }{
		"nothing":             {"", "first row"},
		"no header":           {year + day, "first row"},
		"no year":             {head, "no year"},
		"bad UTF-8":           {head + "\xd4\xaa\xb5\xa9", "UTF-8"},
		"too long":            {head + strings.Repeat("#\n", maxBytes), "bytes"},
		"a year without days": {head + year, "0 holidays"},
		"day above the year":  {head + day + year, "line 2: a day stands above"},
		"year twice":          {head + year + day + year, "line 4: year 2027 is declared twice"},
		"half a year":         {head + "year,2027-01-01,2027-06-30,测试\n" + day, "one whole year"},
		"late year":           {head + "year,2027-02-01,2027-12-31,测试\n" + day, "one whole year"},
		"two years":           {head + "year,2027-01-01,2028-12-31,测试\n" + day, "one whole year"},
		"ancient year":        {head + "year,1991-01-01,1991-12-31,测试\n", "outside 1992"},
		"same day twice":      {head + year + day + day, "line 4: 2027-01-01 is holiday"},
		"overlap":             {head + year + day + "holiday,2026-12-31,2027-01-02,元旦\n", "2027-01-01 is holiday"},
		"of two notices": {head + "year,2026-01-01,2026-12-31,测试\nholiday,2026-12-31,2026-12-31,元旦\n" + year + "holiday,2026-12-31,2027-01-01,元旦\n",
			"in the notice for 2026"},
		"holiday and make-up":  {head + year + "holiday,2027-01-02,2027-01-02,元旦\nmake-up,2027-01-02,2027-01-02,元旦\n", "and make-up"},
		"make-up on a workday": {head + year + day + "make-up,2027-01-04,2027-01-04,元旦\n", "Monday"},
		"day of next year":     {head + year + day + "holiday,2028-01-01,2028-01-01,元旦\n", "outside year 2027"},
		"day in November":      {head + year + day + "holiday,2026-11-30,2026-11-30,元旦\n", "outside year 2027"},
		"backwards":            {head + year + "holiday,2027-01-03,2027-01-01,元旦\n", "is before"},
		"endless":              {head + year + "holiday,2027-01-01,2027-02-01,元旦\n", "32 days in one row"},
		"mostly holidays": {head + year + "holiday,2027-01-01,2027-01-31,元旦\nholiday,2027-03-01,2027-03-30,元旦\n",
			"61 holidays"},
		"no such date":      {head + year + "holiday,2027-02-29,2027-02-29,元旦\n", "existing"},
		"spreadsheet date":  {head + year + "holiday,2027/1/1,2027/1/1,元旦\n", "line 3: parsing date"},
		"unknown kind":      {head + year + day + "workday,2027-01-04,2027-01-04,元旦\n", "unknown kind"},
		"no name":           {head + year + "holiday,2027-01-01,2027-01-01,\n", "name"},
		"padded name":       {head + year + "holiday,2027-01-01,2027-01-01, 元旦\n", "name"},
		"endless name":      {head + year + "holiday,2027-01-01,2027-01-01," + strings.Repeat("元", maxName+1), "name"},
		"unprintable name":  {head + year + "holiday,2027-01-01,2027-01-01,元\u202e旦\n", "name"},
		"a column too few":  {head + year + "holiday,2027-01-01,元旦\n", "line 3"},
		"a column too many": {head + year + "holiday,2027-01-01,2027-01-01,元旦,\n", "line 3"},
		"stray quote":       {head + year + "holiday,2027-01-01,2027-01-01,元\"旦\n", "line 3"},
	} {
		_, err := Parse([]byte(tc.data))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
}

func TestParseReadsWhatSpreadsheetsWrite(t *testing.T) {
	data := "\ufeffkind,from,to,name\r\nyear,2027-01-01,2027-12-31,\"测试, 第1号\"\r\nholiday,2027-01-01,2027-01-01,元旦\r\n"
	c, err := Parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Years()[0]; got != (Year{2027, "测试, 第1号"}) || c.Working(on(t, "2027-01-01")) {
		t.Errorf("read %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(china))
	f.Add([]byte("kind,from,to,name\n" + strings.Join(invented2027, "\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		years := c.Years()
		if again, err := Parse(data); err != nil || again.Version() != c.Version() || len(years) == 0 {
			t.Fatalf("the second time: %v", err)
		}
		from := on(t, fmt.Sprintf("%d-01-01", years[0].Year))
		due, err := c.Due(from, Limit{Days: 300, Unit: WorkingDays, Start: NextDay})
		if err != nil {
			t.Fatal(err)
		}
		if n := c.WorkingDaysBetween(from, due.Date); n != 300 || from.DaysUntil(due.Date) > 1000 {
			t.Fatalf("300 working days from %v is %v, %d between", from, due.Date, n)
		}
	})
}
