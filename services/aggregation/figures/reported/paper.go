package reported

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// Paper is a report, read by its form: what figures its rows bring.
type Paper struct {
	*aggregationv1.Report
	Form   *aggregationv1.ReportForm
	Period reports.Period
}

// NewPaper returns the report's, or a fault if the form, or its period, is none here.
func NewPaper(r *aggregationv1.Report) (Paper, error) {
	form, err := reports.FindForm(r.GetForm())
	if err != nil {
		return Paper{}, err
	}
	period, err := reports.ParsePeriod(form, r.GetPeriod())
	return Paper{r, form, period}, err
}

// Figure is the one that a row brings. In whose place it counts, the caller says.
func (p Paper) Figure(row *aggregationv1.Report_Row) (Figure, error) {
	m, err := reports.MetricOf(p.Form, row.GetField())
	return Figure{
		Cell:   aggregation.Cell{Unit: row.GetResolvedUnit(), Campaign: row.GetCampaign(), Category: row.GetCategory()},
		Metric: m, Months: p.Period.Months(), Source: reports.SourceName(p.GetUnit(), p.GetSource()), Form: p.Form.GetName(),
		Sequence: p.GetSequence(), Value: row.GetValue(),
		Proposer: Proposer{Report: p.GetName(), Came: p.GetCreateTime().AsTime().UnixNano(), Sequence: p.GetSequence()},
	}, err
}
