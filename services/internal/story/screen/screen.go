// Package screen shows what came of the story (演示结果) to an official in front of
// a terminal: tables with Chinese headings whose columns stand in line, and how
// to look further, with a line of English beneath what a newcomer must understand. What it shows it is given; it asks the suite for nothing.
package screen

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/duban-project/duban/services/internal/story/picture"
)

// Telling is how the story was told.
type Telling struct {
	Calls   int64
	Elapsed time.Duration
}

// columns are the metrics that tables show, in their order.
var (
	wide   = []string{"problems_found", "problems_closed", "problems_closing_rate", "problems_overdue", "problems_returned", "ledgers_overdue", "ledgers_filed_late", "tasks_overdue", "evaluation_score"}
	narrow = []string{"problems_found", "problems_closed", "problems_closing_rate", "problems_open", "problems_overdue", "problems_returned"}
)

// Show writes the picture.
func Show(w io.Writer, p *picture.Picture, t Telling) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n宜昌市干部作风整顿进展（演示数据）    截至 %[1]s\n"+
		"A city's work-style campaign, its districts by closing rate (demonstration data), as of %[1]s\nColumns: rank, district, %[2]s; last rows: the city's own units, the whole city\n\n", p.Date, gloss(p, wide))
	city := table{heading: append([]string{"名次", "区县"}, names(p, wide)...)}
	for _, l := range p.City.Lines {
		rank := "-"
		if l.Rank > 0 {
			rank = fmt.Sprint(l.Rank)
		}
		city.add(append([]string{rank, short(l.Name)}, cells(l.Figures, wide, l.Unknown...)...))
	}
	city.add(append([]string{"-", "市直"}, cells(p.Direct, wide)...))
	city.add(append([]string{"", "全市"}, cells(p.Cities, wide)...))
	city.write(&b, 2)
	if p.Absent != "" {
		fmt.Fprintf(&b, "%s由自有系统按月报数，月报不含的指标以“-”表示：全市未销号 %d 等不含该区县，不等于发现数减销号数。\n"+
			"A dash: unknown, since that district reports by the month from a system of its own; the city's open problems leave it out.\n", short(p.Absent), p.Cities["problems_open"])
	}
	fmt.Fprintf(&b, "任务：已到期 %d，已审定（含提前完成）%d，迟报 %d；台账：应报 %d，已报 %d，其中逾期后报 %d，逾期未报 %d；投诉：收到 %d，受理 %d，办结 %d\n"+
		"Tasks: due, approved (early ones too), late; ledgers: due, filed, late among them, overdue; complaints: received, accepted, closed\n",
		p.Cities["tasks_due"], p.Cities["tasks_approved"], p.Cities["tasks_late"],
		p.Cities["ledgers_due"], p.Cities["ledgers_filed"], p.Cities["ledgers_filed_late"], p.Cities["ledgers_overdue"],
		p.Cities["complaints_received"], p.Cities["complaints_accepted"], p.Cities["complaints_closed"])
	fmt.Fprintf(&b, "按类别（发现/销号）：%s\n", categories(p.Categories))
	fmt.Fprintf(&b, "逐月%s：%s\nBy category: found/closed; then problems closed month by month\n", p.Names["problems_closed"], months(p.Months))
	down(&b, p)
	fmt.Fprintf(&b, "\n欠报（演示数据，共 %d 项）：%s\n", p.MissingTotal, list(p.Missing))
	fmt.Fprintf(&b, "欠报报表（演示数据，另计）：%s；报送缺号：%s\n", list(p.Reports), list(p.Gaps))
	b.WriteString("Missing: tasks not handed in, ledgers not filed; then monthly reports that are owed, and numbers missing among those sent\n")
	fmt.Fprintf(&b, "新鲜度（已计入/已产生的记录）：%s\nFreshness: records counted/written, service by service\n", list(p.Freshness))
	fmt.Fprintf(&b, "复核：逐条读取 %[1]d 个问题（含已取消、未经上级认可的，不含月报所报），核对 %[2]d 个数字，全部一致。\n"+
		"Checked: %[1]d problems read one by one, %[2]d figures compared, all equal.\n", p.Problems, p.Compared)
	fmt.Fprintf(&b, "用时 %.1[1]f 秒，REST 调用 %[2]d 次。 %.1[1]f s, %[2]d REST calls.\n", t.Elapsed.Seconds(), t.Calls)
	_, err := io.WriteString(w, b.String())
	return err
}

// down writes the drill-down: one district by school, one school by category.
func down(b *strings.Builder, p *picture.Picture) {
	fmt.Fprintf(b, "\n下钻一：%s各校（演示数据）\nDrill-down 1: a district by school, with the same columns; last rows: its own bureau, the whole district\n\n", short(p.District.Title))
	district := table{heading: append([]string{"学校"}, names(p, wide[:len(wide)-1])...)}
	for _, l := range p.District.Lines {
		district.add(append([]string{l.Name}, cells(l.Figures, wide[:len(wide)-1], l.Unknown...)...))
	}
	district.add(append([]string{"局机关"}, cells(p.District.Direct, wide[:len(wide)-1])...))
	district.add(append([]string{"合计"}, cells(p.District.All, wide[:len(wide)-1])...))
	district.write(b, 1)
	fmt.Fprintf(b, "\n下钻二：%s各类问题（演示数据）\nDrill-down 2: a school by category: %s\n\n", p.School.Title, gloss(p, narrow))
	school := table{heading: append([]string{"类别"}, names(p, narrow)...)}
	for _, l := range p.School.Lines {
		school.add(append([]string{strings.ReplaceAll(l.Name, "——", "  ")}, cells(l.Figures, narrow)...))
	}
	school.write(b, 1)
}

// gloss is the English of columns.
func gloss(p *picture.Picture, metrics []string) string {
	var said []string
	for _, m := range metrics {
		said = append(said, strings.ToLower(p.Gloss[m]))
	}
	return strings.Join(said, ", ")
}

func names(p *picture.Picture, metrics []string) (row []string) {
	for _, m := range metrics {
		row = append(row, p.Names[m])
	}
	return row
}

// cells writes figures: shares in percent, scores with two digits, and what is unknown
// not as 0.
func cells(f picture.Figures, metrics []string, unknown ...string) (row []string) {
	for _, m := range metrics {
		switch {
		case slices.Contains(unknown, m), m == "evaluation_score" && f[m] == 0, m == "problems_closing_rate" && f["problems_found"] == 0:
			row = append(row, "-")
		case m == "evaluation_score":
			row = append(row, fmt.Sprintf("%.2f", float64(f[m])/1000))
		case m == "problems_closing_rate":
			row = append(row, fmt.Sprintf("%.1f%%", float64(f[m])/10))
		default:
			row = append(row, fmt.Sprint(f[m]))
		}
	}
	return row
}

// short leaves out what all districts' names end with.
func short(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "（演示数据）"), "教育局")
}

func categories(s picture.Sheet) string {
	var said []string
	for _, l := range s.Lines {
		said = append(said, fmt.Sprintf("%s %d/%d", l.Name, l.Figures["problems_found"], l.Figures["problems_closed"]))
	}
	return strings.Join(said, "，")
}

func months(list []picture.Month) string {
	var said []string
	for _, m := range list {
		if m.Value > 0 {
			said = append(said, fmt.Sprintf("%s %d", m.Name, m.Value))
		}
	}
	return strings.Join(said, "，")
}

func list(items []string) string {
	if len(items) == 0 {
		return "无"
	}
	return strings.Join(items, "；")
}

// Further says how to go on: where the suite is, its documentation, and a key to
// try with three lines to paste.
func Further(w io.Writer, base, key string, p *picture.Picture) error {
	_, err := fmt.Fprintf(w, `
如何继续 How to look further
  地址 Address  %[1]s    接口文档 API documentation  %[1]s/docs/
  查阅员（宜昌市，演示数据）的试用密钥，和可粘贴的三条命令：
  A key of the city's viewer (demonstration data) to try with, and three commands to paste:

KEY=%[2]s
curl -s -H "Authorization: Bearer $KEY" '%[1]s/v1/units/yc/status:compare?metric=metrics/problems_closing_rate'
curl -s -H "Authorization: Bearer $KEY" '%[1]s/v1/units/yc/status:series?metric=metrics/problems_closed&cut.startDate=2026-03-01'
curl -s -H "Authorization: Bearer $KEY" '%[1]s/v1/ledgers/-/problems?unit=%[3]s&pageSize=3'
`, base, key, p.School.Unit)
	return err
}
