package reported

import (
	"fmt"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
)

// Kept are the buckets of what is kept of reports.
func (s *Reports) Kept() []hold.Bucket {
	return []hold.Bucket{
		{Name: "figures.holders", Want: s.holders(), Say: hold.Text},
		{Name: "figures.reported", Want: s.last(), Say: sayReported},
		{Name: "figures.own", Want: s.owns(), Say: sayOwn},
		{Name: "figures.fed", Want: s.fed(), Say: sayCame},
		{Name: "figures.proposed", Want: s.proposed(), Say: sayProposed},
	}
}

// holders say which source of reports has each figure.
func (s *Reports) holders() map[string]string {
	all := map[string]string{}
	for figure, source := range s.sources {
		all[figure.key()] = source
	}
	return all
}

func (f Figure) key() string {
	of := f.of
	if f.month == "" {
		of = strconv.Itoa(hold.Number(f.of))
	}
	return hold.Short(f.unit) + "\x00" + of + "\x00" + f.month
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
	return strings.Join([]string{
		hold.Short(row.GetResolvedUnit()), strconv.Itoa(hold.Number(metricOf(r, row))), row.GetCampaign(), row.GetCategory(), lastMonth(r.GetPeriod()),
	}, "\x00")
}

func said(value, sequence, at int64) string {
	return fmt.Sprintf("%d by report %d at %d", value, sequence, at)
}

func sayReported(b []byte) (string, bool) {
	r := hold.NewReader(b)
	return said(r.Number(), r.Number(), r.Number()), r.Done()
}
