package reported

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
)

// Record notes when a record began to count upward: whoever has a problem here that a
// superior has accepted keeps records of problems.
func (s *Reports) Record(r *tally.Record, at time.Time) {
	if !r.At.Accepted {
		return
	}
	began := func(metric string) {
		unit := r.At.Unit
		if known, ok := s.since[unit]; strings.HasPrefix(metric, "problems_") && (!ok || at.Before(known)) {
			s.since[unit] = at
		}
	}
	for _, metric := range r.Stands {
		began(metric)
	}
	for c := range r.Came {
		began(c.Metric)
	}
	for c := range r.Due {
		began(c.Metric)
	}
}

// bind notes that a report has told what stands at a unit when a period ended.
func (s *Reports) bind(unit, period string, at time.Time) {
	day := lastDay(lastMonth(period))
	last, err := time.Parse("2006-01-02", day)
	if err != nil {
		return
	}
	s.until[unit] = max(s.until[unit], last.AddDate(0, 0, 1).Format("2006-01-02"))
	if s.told[unit] == nil {
		s.told[unit] = map[string]time.Time{}
	}
	if known, ok := s.told[unit][day]; !ok || at.Before(known) {
		s.told[unit][day] = at
	}
}

// unitsReporting counts the units of which reports tell and no records of their own.
const unitsReporting = "units_reporting"

// reporting is on which days units begin and end to be such.
func (s *Reports) reporting() map[tally.What]map[string]int64 {
	all := map[tally.What]map[string]int64{}
	for unit, told := range s.told {
		days := map[string]int64{slices.Min(slices.Collect(maps.Keys(told))): 1}
		if day := s.Begins(unit); day != "" {
			days[day]--
		}
		all[tally.What{Where: tally.Where{Unit: unit, Accepted: true}, Metric: unitsReporting}] = days
	}
	return all
}

// earlier lists the periods of which reports have told what stands, those that no earlier
// one was told before, in the order in which they were.
func (s *Reports) earlier(unit string) (all []string) {
	told := s.told[unit]
	for _, day := range slices.Sorted(maps.Keys(told)) {
		first := true
		for other, at := range told {
			first = first && (other >= day || at.After(told[day]))
		}
		if first {
			all = append([]string{day + " " + strconv.FormatInt(told[day].UnixNano(), 10)}, all...)
		}
	}
	return all
}

// Begins is the first day on which the own records of a unit say what stands: that of
// the first of them, but behind every period that reports have told of. It is "" of a
// unit of which reports alone tell.
func (s *Reports) Begins(unit string) string {
	at, ok := s.since[unit]
	if !ok {
		return ""
	}
	return max(at.In(tally.Zone).Format("2006-01-02"), s.until[unit])
}

// Counts is the day on which the feed counts what stands since a day. What is due counts
// by its due date, and what is not accepted whenever it was so.
func (s *Reports) Counts(o tally.What, day string) string {
	if o.Accepted && stocks[o.Metric] && o.Metric != "problems_overdue" {
		return max(day, s.Begins(o.Unit))
	}
	return day
}

// later lists the days behind the periods of which reports have told what stands, those
// that no later one was told before, in the order in which they were.
func (s *Reports) later(unit string) (all []string) {
	told := s.told[unit]
	for _, day := range slices.Sorted(maps.Keys(told)) {
		first := true
		for other, at := range told {
			first = first && (other <= day || at.After(told[day]))
		}
		if last, err := time.Parse("2006-01-02", day); first && err == nil {
			all = append(all, last.AddDate(0, 0, 1).Format("2006-01-02")+" "+strconv.FormatInt(told[day].UnixNano(), 10))
		}
	}
	return all
}

// owns say since when units keep records, and until when reports bind them.
func (s *Reports) owns() map[string]string {
	all := map[string]string{}
	for unit := range s.told {
		all[hold.Short(unit)+"\x00problem"] = sayBounds("", "0", strings.Join(s.later(unit), ","), strings.Join(s.earlier(unit), ","))
	}
	for unit, at := range s.since {
		day, moment := at.In(tally.Zone).Format("2006-01-02"), strconv.FormatInt(at.UnixNano(), 10)
		all[hold.Short(unit)+"\x00problem"] = sayBounds(day, moment, strings.Join(s.later(unit), ","), strings.Join(s.earlier(unit), ","))
	}
	return all
}

func sayBounds(from, moment, until, told string) string {
	return "own records from " + from + " at " + moment + ", reports until " + until + ", told " + told
}

func sayOwn(b []byte) (string, bool) {
	parts := strings.Split(string(b), "\x00")
	if len(parts) != 4 {
		return "", false
	}
	return sayBounds(parts[0], parts[1], parts[2], parts[3]), true
}
