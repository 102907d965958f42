// Package basis says in lines what the figures of a file rest on beside the cut: what a
// status says of how fresh they are, and of what is missing in them.
package basis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// note is a word and what it is.
type note = [2]string

// Of are the lines of what a status says, of a past moment or of now.
func Of(s *aggregationv1.Status, past bool) []note {
	return slices.Concat(feeds(s.GetFreshness(), past), sources(s), missing(s.GetMissing()), changes(s))
}

// feeds say of each feed how much of it the figures have.
func feeds(list []*aggregationv1.Freshness, past bool) []note {
	notes := make([]note, len(list))
	for i, f := range list {
		feed := strings.TrimSpace(f.GetInstallation() + " " + f.GetService())
		notes[i] = note{"数据新鲜度 (freshness) " + feed, fresh(f, past)}
	}
	return notes
}

func fresh(f *aggregationv1.Freshness, past bool) string {
	state := "已汇总 (current)"
	if !f.GetCurrent() {
		state = "暂定 (provisional)"
	}
	if past {
		state += "，截至时刻的已汇总条数未留存 (not_kept)"
	} else {
		state += fmt.Sprintf("，已汇总条数 (cursor) %d/%d", f.GetCursor(), f.GetSize())
	}
	if f.GetNewestEffective() != nil {
		state += "，最新生效时间 (newest_effective) " + sheet.Moment(f.GetNewestEffective().AsTime())
	}
	if f.GetWithheld() > 0 {
		state += fmt.Sprintf("，未上送 (withheld) %d", f.GetWithheld())
	}
	if f.GetSilent() {
		state += "，失联 (silent)"
	}
	return state
}

// sources say of each system that reports how far it has.
func sources(s *aggregationv1.Status) (notes []note) {
	for _, r := range s.GetReportSources() {
		says := fmt.Sprintf("最近报送时间 (report_time) %s，已报送至 (reported_until) %s，本单位欠报报表数 (reports_missing) %d",
			sheet.Moment(r.GetReportTime().AsTime()), r.GetReportedUntil(), r.GetReportsMissing())
		notes = append(notes, note{"报送来源 (report_sources) " + r.GetUnit() + " " + r.GetSource(), says})
	}
	if s.ReportSourcesTotal != nil {
		notes = append(notes, note{"报送来源总数 (report_sources_total)", strconv.FormatInt(s.GetReportSourcesTotal(), 10)})
	}
	return notes
}

// missing says how much is missing, and from which units.
func missing(m *aggregationv1.Missing) []note {
	notes := []note{{"逾期未办事项数 (missing.total)", strconv.FormatInt(m.GetTotal(), 10)}}
	for _, item := range m.GetItems() {
		notes = append(notes, note{"逾期未办 (missing) " + item.GetUnit(), item.GetSubject() + "，时限 (due_date) " + item.GetDueDate()})
	}
	for _, o := range m.GetUnits() {
		notes = append(notes, note{"逾期未办单位 (missing.units) " + o.GetUnit(), fmt.Sprintf("未报备台账 (ledgers) %d，未上报任务 (tasks) %d", o.GetLedgers(), o.GetTasks())})
	}
	if m.GetUnitsTruncated() {
		notes = append(notes, note{"逾期未办单位未列全 (missing.units_truncated)", sheet.Yes(true)})
	}
	if m.ReportsTotal != nil {
		notes = append(notes, note{"欠报报表数 (missing.reports_total)", strconv.FormatInt(m.GetReportsTotal(), 10)})
	}
	if m.GetReportsUnknown() > 0 {
		notes = append(notes, note{"情况不明报表数 (missing.reports_unknown)", strconv.FormatInt(m.GetReportsUnknown(), 10)})
	}
	for _, r := range m.GetReports() {
		notes = append(notes, note{"欠报报表 (missing.reports) " + r.GetUnit(), r.GetSubject() + " " + r.GetPeriod() + "，时限 (due_date) " + r.GetDueDate()})
	}
	return notes
}

// changes say what reports had told until the units' own records did, and if not all
// of it is there.
func changes(s *aggregationv1.Status) (notes []note) {
	for _, c := range s.GetSourceChanges() {
		says := fmt.Sprintf("%s，变更日期 (date) %s，原报送值 (value) %d", c.GetMetric(), c.GetDate(), c.GetValue())
		notes = append(notes, note{"数据来源变更 (source_changes) " + c.GetUnit(), says})
	}
	if s.GetSourceChangesTruncated() {
		notes = append(notes, note{"数据来源变更未列全 (source_changes_truncated)", sheet.Yes(true)})
	}
	return notes
}

// Partial says in a file which figures of a row are of the units alone that do not report.
func Partial(row string, wanted []aggregation.Definition, list []*aggregationv1.Figure) []note {
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

// Explained are such notes behind what they mean.
func Explained(notes []note) []note {
	if len(notes) == 0 {
		return nil
	}
	means := "下列数据不含只有报表、尚无本系统自有记录的单位；其中的空格表示未知，不是 0"
	return append([]note{{"不含报送单位 (partial)", means}}, notes...)
}
