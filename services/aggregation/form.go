package aggregation

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// forms are the built-in report forms (报表格式). A row's value is the unit's own:
// without those beneath it, and, without a campaign, without what other rows say
// of campaigns.
var forms = []*aggregationv1.ReportForm{{
	Name: "reportForms/ledger-monthly", DisplayNameZh: "整改台账月报", DisplayNameEn: "Rectification ledger, monthly",
	Fields: []*aggregationv1.ReportForm_Field{
		{Field: "found", Metric: Define(ProblemsFound).Name()},
		{Field: "closed", Metric: Define(ProblemsClosed).Name()},
		{Field: "rectifying", Metric: Define(ProblemsRectifying).Name()},
		{Field: "overdue", Metric: Define(ProblemsOverdue).Name()},
	},
}}

// Forms returns every report form, in the order of their names.
func Forms() (all []*aggregationv1.ReportForm) {
	for _, f := range forms {
		all = append(all, proto.CloneOf(f))
	}
	return all
}

// reportable has true at the metrics that a form brings.
var reportable = func() (is [Numbers]bool) {
	for _, f := range forms {
		for _, field := range f.GetFields() {
			if d, err := Find(field.GetMetric()); err == nil {
				is[d.Metric] = true
			}
		}
	}
	return is
}()

// Reportable says whether a form brings the metric: then a unit's figure has one
// source, feed or report.
func Reportable(m Metric) bool { return reportable[m] }

// fieldOf returns the metric that a field of the form brings.
func fieldOf(form *aggregationv1.ReportForm, field string) (Metric, error) {
	i := slices.IndexFunc(form.GetFields(), func(f *aggregationv1.ReportForm_Field) bool { return f.GetField() == field })
	if i < 0 {
		return 0, ErrFieldUnknown.At("field", "报表格式中没有这一栏", "the form has no such field")
	}
	d, err := Find(form.GetFields()[i].GetMetric())
	if err != nil {
		return 0, err
	}
	return d.Metric, nil
}

// LastDay returns the last day of a month YYYY-MM, which MUST be one.
func LastDay(month string) string {
	t, _ := time.Parse("2006-01", month)
	return t.AddDate(0, 1, -1).Format(time.DateOnly)
}
