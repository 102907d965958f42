package server

import (
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
)

// reporting is the metric of the units that report (报送单位).
const reporting = aggregation.Set(1 << aggregation.UnitsReporting)

// divided are the dimensions by which a query narrows.
func divided(q figures.Query) (dimensions []string) {
	for _, d := range [][2]string{{"campaign", q.Campaign}, {"category", q.Category}, {"source", q.Source}} {
		if d[1] != "" {
			dimensions = append(dimensions, d[0])
		}
	}
	return dimensions
}

// reporting is how many units report within the unit that a query names, whose values
// these are: in no cut more or fewer.
func (v *view) reporting(q figures.Query, values figures.Values) (int64, error) {
	if len(divided(q)) == 0 {
		return values[aggregation.UnitsReporting], nil
	}
	q.Campaign, q.Category, q.Source = "", "", ""
	if some, err := v.anybody(q); !some || err != nil {
		return 0, err
	}
	values, err := v.read(&q, reporting)
	return values[aggregation.UnitsReporting], err
}

// anybody says whether a unit of the whole tree reports at the end of q, which is read
// once: where none does, a cut costs what it would without.
func (v *view) anybody(q figures.Query) (some bool, err error) {
	if some, known := v.reports[q.End]; known {
		return some, nil
	}
	path := v.directory.Path(q.Unit)
	q.Unit = path[len(path)-1]
	if q.AsOf, err = v.pastOf(q); err != nil {
		return false, err
	}
	values, err := figures.Read(v.tx, q, reporting)
	v.reports[q.End] = values[aggregation.UnitsReporting] > 0
	return v.reports[q.End], err
}
