package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// note is a line of what the figures of a file rest on: a word and what it is.
type note = [2]string

// notes are what a status says beside its figures, for a file that leaves the
// system: of what they are, how fresh, and what is missing in them.
func (v *view) notes() ([]note, error) {
	missing, err := v.lacking()
	if err != nil {
		return nil, err
	}
	reporters, err := v.told()
	if err != nil {
		return nil, err
	}
	changed, err := v.changed()
	return slices.Concat(v.cut(), v.sources(), reporters, missing, changed), err
}

// cut says which figures they are. Those as of now are as of the moment of the
// file.
func (v *view) cut() []note {
	q := v.query
	return []note{
		{"单位 (unit)", q.Unit}, {"起始日期 (start_date)", q.Start}, {"截止日期 (end_date)", q.End},
		{"逾期数所属日期 (overdue_date)", q.Today}, {"截至时刻 (as_of)", sheet.Moment(v.moment())}, {"单位树口径 (tree_as_of)", v.tree.String()},
		{"活动 (campaign)", q.Campaign}, {"类别 (category)", q.Category}, {"问题来源 (source)", q.Source},
		{"含下级未经认可的数据 (unaccepted_included)", sheet.Yes(q.Beneath)},
		{"含本单位未经认可的数据 (own_unaccepted_included)", sheet.Yes(q.Own)},
	}
}

// sources say of each feed how much of it the figures have.
func (v *view) sources() []note {
	notes := make([]note, len(v.freshness))
	for i, f := range v.freshness {
		feed := strings.TrimSpace(f.GetInstallation() + " " + f.GetService())
		notes[i] = note{"数据新鲜度 (freshness) " + feed, v.fresh(f)}
	}
	return notes
}

// fresh is how fresh a feed's part is in a line.
func (v *view) fresh(f *aggregationv1.Freshness) string {
	state := "已汇总 (current)"
	if !f.GetCurrent() {
		state = "暂定 (provisional)"
	}
	if v.at.IsZero() {
		state += fmt.Sprintf("，已汇总条数 (cursor) %d/%d", f.GetCursor(), f.GetSize())
	} else {
		state += "，截至时刻的已汇总条数未留存 (not_kept)"
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

// lacking says how much is missing, and from which units: a status names the
// oldest things alone, a file all of as many units as it may have.
func (v *view) lacking() ([]note, error) {
	m, err := v.missing(aggregation.Compared)
	if err != nil {
		return nil, err
	}
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
	for _, r := range m.GetReports() {
		notes = append(notes, note{"欠报报表 (missing.reports) " + r.GetUnit(), r.GetSubject() + " " + r.GetPeriod() + "，时限 (due_date) " + r.GetDueDate()})
	}
	return notes, nil
}

// told says of each system that reports how far it has.
func (v *view) told() (notes []note, err error) {
	list, total, err := v.reportSources(aggregation.Compared)
	for _, s := range list {
		says := fmt.Sprintf("最近报送时间 (report_time) %s，已报送至 (reported_until) %s，本单位欠报报表数 (reports_missing) %d",
			sheet.Moment(s.GetReportTime().AsTime()), s.GetReportedUntil(), s.GetReportsMissing())
		notes = append(notes, note{"报送来源 (report_sources) " + s.GetUnit() + " " + s.GetSource(), says})
	}
	if total > int64(len(list)) {
		notes = append(notes, note{"报送来源总数 (report_sources_total)", strconv.FormatInt(total, 10)})
	}
	return notes, err
}

// changed says what reports had told until the units' own records did, and if not all
// of it is there.
func (v *view) changed() (notes []note, err error) {
	changes, more, err := v.changes(aggregation.Compared)
	for _, c := range changes {
		says := fmt.Sprintf("%s，变更日期 (date) %s，原报送值 (value) %d", c.GetMetric(), c.GetDate(), c.GetValue())
		notes = append(notes, note{"数据来源变更 (source_changes) " + c.GetUnit(), says})
	}
	if more {
		notes = append(notes, note{"数据来源变更未列全 (source_changes_truncated)", sheet.Yes(more)})
	}
	return notes, err
}
