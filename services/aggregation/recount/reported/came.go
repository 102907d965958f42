package reported

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
)

// event is something that came on a day.
type event struct {
	tally.What
	day string
}

// came is how often it did, and when that was last said otherwise.
type came struct {
	n  int64
	at time.Time
}

// reportable are the metrics that reports may bring.
var reportable = slices.Sorted(maps.Values(metrics))

// told says whether reports may bring a metric.
func told(metric string) bool {
	_, can := slices.BinarySearch(reportable, metric)
	return can
}

// Replace notes that a record came to say something else at a moment.
func (s *Reports) Replace(before, after *tally.Record, at time.Time) {
	changes := map[event]int64{}
	for sign, r := range map[int64]*tally.Record{-1: before, 1: after} {
		if r == nil || !r.At.Accepted {
			continue
		}
		for c, n := range r.Came {
			if measureOf(c.Metric) != "" {
				changes[event{tally.What{Where: r.At, Metric: c.Metric}, c.Day}] += sign * n
			}
		}
	}
	for e, n := range changes {
		if is := s.came[e]; n != 0 {
			if at.After(is.at) {
				is.at = at
			}
			s.came[e] = came{is.n + n, is.at}
		}
	}
}

// fed is what feeds say came.
func (s *Reports) fed() map[string]string {
	all := map[string]string{}
	for e, is := range s.came {
		key := []string{FigureOf(e.Unit, e.Metric, e.day).key(), strconv.Itoa(hold.Number(e.Metric)), e.Campaign, e.Category, e.Source, e.day}
		all[strings.Join(key, "\x00")] = sayN(is.n, is.at.UnixNano())
	}
	return all
}

func sayN(n, at int64) string { return fmt.Sprintf("%d came, said at %d", n, at) }

func sayCame(b []byte) (string, bool) {
	r := hold.NewReader(b)
	return sayN(r.Number(), r.Number()), r.Done()
}
