package reports_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/fault"
)

// judgements are what a row may be told, each at the longest of its places.
func judgements() (all []*fault.Fault) {
	at := func(f *fault.Fault, path, zh, en string) { all = append(all, f.At(path, zh, en)) }
	at(reports.ErrValueMissing, "value", "没有数值", "is missing")
	at(reports.ErrFieldUnknown, "field", "报表格式中没有这一栏", "the form has no such field")
	at(reports.ErrCellTooLong.With("limit", "128"), "category", "过长", "is too long")
	at(reports.ErrValueUnreadable, "value", "不是整数", "is no whole number")
	at(reports.ErrValueOutOfRange.With("limit", "1000000000"), "value", "超出范围", "out of range")
	at(reports.ErrDimensionUnknown, "campaign", "报表格式不按此分列", "the form is not divided by it")
	at(reports.ErrCampaignInvalid, "category", "类别须与活动一并填写", "needs its campaign")
	at(reports.ErrRowUnitUnknown, "code", "范围内没有这个单位", "no such unit within the report")
	at(reports.ErrCodeAmbiguous, "code", "对应多个单位", "names more than one unit")
	at(reports.ErrCampaignUnknown, "campaign", "该单位没有参加这样的活动", "the unit takes part in no such campaign")
	at(reports.ErrCategoryUnknown, "category", "活动没有这一类别", "the campaign has no such category")
	at(reports.ErrRowTwice, "field", "重复", "twice")
	all = append(all, reports.ErrFigureTaken, reports.ErrFigureLocked, reports.ErrSuperseded)
	for _, form := range reports.Forms() {
		for _, c := range form.GetChecks() {
			at(reports.ErrCheckBroken.Say("check", c.GetDisplayNameZh(), c.GetDisplayNameEn()), "value", "不符合勾稽关系", "breaks a check")
		}
	}
	return all
}

// However long the rows are and whatever they are told, a page keeps within its
// bytes, and no row is lost.
func TestPagesKeepWithinTheirBytes(t *testing.T) {
	const bytes = 100 << 10
	headed := &aggregationv1.Report{Columns: map[string]string{}}
	for _, key := range []string{"value", "field", "code", "campaign", "category"} {
		headed.Columns[key] = strings.Repeat("h", 64)
	}
	warnings := []string{"carry-over", "closed-of-known", "in-time-of-accepted", "late-of-submitted"}
	for _, length := range []int{0, 1024} {
		text := strings.Repeat("\U00020000", length)
		for _, f := range judgements() {
			var rows []*aggregationv1.Report_Row
			for i := range 450 {
				rows = append(rows, &aggregationv1.Report_Row{Unit: text, Scheme: text, Code: text, Field: text, Campaign: text, Category: fmt.Sprint(text, i/7), Value: 1, Line: int32(i)})
			}
			if length == 1024 {
				rows = rows[:90]
			}
			pages, n := reports.Paged(rows, bytes), 0
			for _, page := range pages {
				n += len(page)
				for _, row := range page {
					row.ResolvedUnit, row.Warnings, row.Counted = "units/"+strings.Repeat("u", 63), append(slices.Clone(warnings[:2]), reports.BesideTotal), true
					if err := reports.Mark(headed, row, aggregationv1.Report_VERDICT_QUARANTINED, f); err != nil {
						t.Fatal(err)
					}
				}
				if size := proto.Size(&aggregationv1.ReportPage{Rows: page}); size > bytes || len(page) > reports.PageRows {
					t.Fatalf("%s, texts of %d: %d rows on a page of %d bytes", f.Reason, length, len(page), size)
				}
			}
			if n != len(rows) {
				t.Fatalf("%s, texts of %d: %d of %d rows", f.Reason, length, n, len(rows))
			}
		}
	}
}
