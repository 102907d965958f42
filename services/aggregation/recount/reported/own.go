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
	if _, err := time.Parse("2006-01-02", day); err != nil {
		return
	}
	s.until[unit] = max(s.until[unit], dayAfter(day))
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

// firsts lists the last days of periods of which reports have told what stands, and since
// when that is known, in that order: those that none was told before which goes before.
func (s *Reports) firsts(unit string, before func(day, other string) bool, say func(last string) string) string {
	told := s.told[unit]
	var days []string
	for day, at := range told {
		first := true
		for other, when := range told {
			first = first && (!before(other, day) || when.After(at))
		}
		if first {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, func(a, b string) int { return told[a].Compare(told[b]) })
	for i, day := range days {
		days[i] = say(day) + " " + strconv.FormatInt(told[day].UnixNano(), 10)
	}
	return strings.Join(days, ",")
}

// bounds say until when reports bind a unit, and since when they tell of it.
func (s *Reports) bounds(unit string) (until, told string) {
	until = s.firsts(unit, func(day, other string) bool { return day > other }, dayAfter)
	told = s.firsts(unit, func(day, other string) bool { return day < other }, func(last string) string { return last })
	return until, told
}

// dayAfter is the day behind the last one of a period.
func dayAfter(last string) string {
	t, _ := time.Parse("2006-01-02", last) // bind has read it
	return t.AddDate(0, 0, 1).Format("2006-01-02")
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

// owns say since when units keep records, and until when reports bind them.
func (s *Reports) owns() map[string]string {
	all := map[string]string{}
	for unit := range s.told {
		until, told := s.bounds(unit)
		all[hold.Short(unit)+"\x00problem"] = sayBounds("", "0", until, told)
	}
	for unit, at := range s.since {
		day, moment := at.In(tally.Zone).Format("2006-01-02"), strconv.FormatInt(at.UnixNano(), 10)
		until, told := s.bounds(unit)
		all[hold.Short(unit)+"\x00problem"] = sayBounds(day, moment, until, told)
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
