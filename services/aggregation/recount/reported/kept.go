package reported

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
)

// Kept are the buckets of what is kept of reports. fed is how much the feed has brought
// of each figure in a month.
func (s *Reports) Kept(fed map[Figure]int64) []hold.Bucket {
	return []hold.Bucket{
		{Name: "figures.holders", Want: s.holders(fed), Say: sayHolder},
		{Name: "figures.reported", Want: s.last(), Say: sayReported},
		{Name: "figures.own", Want: s.owns(), Say: sayOwn},
	}
}

// reportable are the metrics that reports may bring.
var reportable = slices.Sorted(maps.Values(metrics))

// Reportable says whether a metric is one.
func Reportable(metric string) bool {
	_, found := slices.BinarySearch(reportable, metric)
	return found
}

// holders say who has each figure that could be a report's: the source of reports
// that was first, or the feed, and of what came in a month how much.
func (s *Reports) holders(fed map[Figure]int64) map[string]string {
	all := map[string]string{}
	for figure, n := range fed {
		if n != 0 {
			all[figure.key()] = fmt.Sprintf("%d of the feed", n)
		}
	}
	for figure, source := range s.sources {
		all[figure.key()] = "0 of " + source
	}
	return all
}

func (f Figure) key() string {
	return hold.Short(f.unit) + "\x00" + strconv.Itoa(hold.Number(f.metric)) + "\x00" + f.month
}

func sayHolder(b []byte) (string, bool) {
	r := hold.NewReader(b)
	n, ok := r.Number(), !r.Broken()
	if !r.More() {
		return fmt.Sprintf("%d of the feed", n), ok
	}
	return fmt.Sprintf("%d of %s", n, r.Rest()), ok
}

// last are what reports last said.
func (s *Reports) last() map[string]string {
	all := map[string]string{}
	for _, p := range s.pages {
		r := s.reports[p.GetReport()]
		month := lastMonth(r.GetPeriod())
		for _, row := range p.GetRows() {
			if row.GetCounted() && month != "" {
				key := keyOf(r, row)
				all[key] = said(row.GetValue(), r.GetSequence(), s.entered[key].at.UnixNano())
			}
		}
	}
	return all
}

// keyOf is that of a row in figures.reported.
func keyOf(r *aggregationv1.Report, row *aggregationv1.Report_Row) string {
	figure := Figure{row.GetResolvedUnit(), metricOf(r, row), row.GetCampaign()}
	return figure.key() + "\x00" + row.GetCategory() + "\x00" + lastMonth(r.GetPeriod())
}

func said(value, sequence, at int64) string {
	return fmt.Sprintf("%d by report %d at %d", value, sequence, at)
}

func sayReported(b []byte) (string, bool) {
	r := hold.NewReader(b)
	return said(r.Number(), r.Number(), r.Number()), r.Done()
}
