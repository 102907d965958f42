package intake

import (
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// Verdicts is the table of what became of rows.
func Verdicts(rows []*aggregationv1.Report_Row) *sheet.Table {
	table := &sheet.Table{
		ID: "report-rows", Name: "上报行",
		Header: []string{"行号", "单位", "代码类别", "代码", "活动", "类别", "指标", "数值", "对应单位", "结论", "原因", "栏", "说明", "提示", "已计入"},
	}
	for _, r := range rows {
		table.Rows = append(table.Rows, cells(
			lineNumber(r), r.GetUnit(), r.GetScheme(), r.GetCode(), r.GetCampaign(), r.GetCategory(), r.GetField(), valueOf(r),
			r.GetResolvedUnit(), strings.TrimPrefix(r.GetVerdict().String(), "VERDICT_"), r.GetReason(), r.GetColumn(), r.GetMessageZh(),
			strings.Join(r.GetWarnings(), " "), sheet.Yes(r.GetCounted()),
		))
	}
	return table
}

// valueOf is what a row has for its value: nothing, if it has none, and what stands there if
// it is no number.
func valueOf(r *aggregationv1.Report_Row) string {
	switch {
	case r.GetUnreadable() != "", r.GetReason() == reports.ErrValueMissing.Reason, r.GetReason() == reports.ErrLineInvalid.Reason:
		return strings.TrimSpace(r.GetUnreadable())
	default:
		return strconv.FormatInt(r.GetValue(), 10)
	}
}

// lineNumber is the line of a row of a file; rows of JSON have none.
func lineNumber(r *aggregationv1.Report_Row) string {
	if r.GetLine() == 0 {
		return ""
	}
	return strconv.Itoa(int(r.GetLine()))
}

// Origin notes of which report rows are, which of them were asked for, and whether
// there are more than the file has.
func Origin(r *aggregationv1.Report, filter string, truncated bool) [][2]string {
	return [][2]string{
		{"报表 (report)", r.GetName()}, {"格式 (form)", r.GetForm()}, {"单位 (unit)", r.GetUnit()}, {"期间 (period)", r.GetPeriod()},
		{"来源 (source)", r.GetSource()}, {"序号 (sequence)", strconv.FormatInt(r.GetSequence(), 10)},
		{"状态 (state)", strings.TrimPrefix(r.GetState().String(), "STATE_")}, {"筛选 (filter)", filter},
		{"未列全 (truncated)", sheet.Yes(truncated)},
	}
}

// cells are texts as their senders wrote them. Plain numbers stay as they are, also
// with a sign.
func cells(texts ...string) []any {
	row := make([]any, len(texts))
	for i, text := range texts {
		row[i] = text
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			row[i] = sheet.Plain(text)
		}
	}
	return row
}
