package server

import (
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
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

// partial says in a file which figures of a row are of the units alone that do not report.
func partial(row string, wanted []aggregation.Definition, list []*aggregationv1.Figure) []note {
	var names []string
	for i, f := range list {
		if f.GetPartial() {
			names = append(names, wanted[i].Zh)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []note{{"不含报送单位 (partial) " + row, strings.Join(names, "、")}}
}

// explained are such notes behind what they mean.
func explained(notes []note) []note {
	if len(notes) == 0 {
		return nil
	}
	means := "下列数据不含只有报表、尚无本系统自有记录的单位；其中的空格表示未知，不是 0"
	return append([]note{{"不含报送单位 (partial)", means}}, notes...)
}
