package reported

import (
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
func (s *Reports) bind(unit, period string) {
	last, err := time.Parse("2006-01-02", lastDay(lastMonth(period)))
	if err == nil {
		s.until[unit] = max(s.until[unit], last.AddDate(0, 0, 1).Format("2006-01-02"))
	}
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
	for unit, until := range s.until {
		all[hold.Short(unit)+"\x00problem"] = sayBounds("", until, "0")
	}
	for unit, at := range s.since {
		all[hold.Short(unit)+"\x00problem"] = sayBounds(s.Begins(unit), s.until[unit], strconv.FormatInt(at.UnixNano(), 10))
	}
	return all
}

func sayBounds(since, until, moment string) string {
	return "own records since " + since + ", reports until " + until + ", the first at " + moment
}

func sayOwn(b []byte) (string, bool) {
	parts := strings.Split(string(b), "\x00")
	if len(parts) != 3 {
		return "", false
	}
	return sayBounds(parts[0], parts[1], parts[2]), true
}
