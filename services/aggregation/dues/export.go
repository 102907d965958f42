package dues

import (
	"context"

	"google.golang.org/genproto/googleapis/api/httpbody"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/sheet"
	"github.com/duban-project/duban/services/internal/page"
)

// exported is what a file has at most.
var exported = page.Most{Items: 10_000, Bytes: page.FileBytes}

// ExportReportDues implements the RPC.
func (l *Ledger) ExportReportDues(ctx context.Context, req *aggregationv1.ExportReportDuesRequest) (*httpbody.HttpBody, error) {
	asked := &aggregationv1.ListReportDuesRequest{Parent: req.GetParent(), Unit: req.GetUnit(), Period: req.GetPeriod(), Filter: req.GetFilter()}
	list, next, err := l.owed(ctx, asked, "", exported)
	if err != nil {
		return nil, err
	}
	form, err := reports.FindForm(req.GetParent())
	if err != nil {
		return nil, err
	}
	table := sheet.Of("dues", "应报情况", list)
	table.Beside("name", "单位名称 (display_name)", func(unit string) string { return l.directory.Unit(unit).GetDisplayName() })
	table.Notes = [][2]string{
		{"报表格式 (form)", req.GetParent()}, {"单位 (unit)", req.GetUnit()}, {"期间 (period)", req.GetPeriod()}, {"截至日期 (as_of)", l.book.Today()},
		{"筛选 (filter)", req.GetFilter()}, {"未列全 (truncated)", sheet.Yes(next != "")},
	}
	return table.File(
		req.GetFormat() == aggregationv1.ExportStatusRequest_FORMAT_XLSX,
		l.called(req.GetUnit()), sheet.Called(form.GetName(), form.GetDisplayNameZh()), sheet.Same(req.GetPeriod()), sheet.Same(l.book.Today()),
	)
}

// ExportReportQuality implements the RPC.
func (l *Ledger) ExportReportQuality(ctx context.Context, req *aggregationv1.ExportReportQualityRequest) (*httpbody.HttpBody, error) {
	source, err := l.sources.Get(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	q, err := l.GetReportQuality(ctx, &aggregationv1.GetReportQualityRequest{Name: req.GetName(), Month: req.GetMonth()})
	if err != nil {
		return nil, err
	}
	score := "未评 (not_judged)"
	if q.ScoreMilli != nil {
		score = sheet.Milli(q.GetScoreMilli()).String()
	}
	table := sheet.Of("quality", "报送质量", q.GetParts())
	table.Void("milli", "not_judged")
	table.Notes = [][2]string{
		{"报送来源 (source)", source.GetSource()}, {"单位 (unit)", source.GetUnit()}, {"月份 (month)", q.GetMonth()}, {"截至日期 (as_of)", l.book.Today()},
		{"得分 (score)", score}, {"计算依据 (formula_source)", q.GetFormulaSourceZh()},
	}
	return table.File(
		req.GetFormat() == aggregationv1.ExportStatusRequest_FORMAT_XLSX,
		l.called(source.GetUnit()), sheet.Same(source.GetSource()), sheet.Same(q.GetMonth()), sheet.Same(l.book.Today()),
	)
}

// called is a unit in the name of a file.
func (l *Ledger) called(unit string) sheet.Word {
	return sheet.Called(unit, l.directory.Unit(unit).GetDisplayName())
}
