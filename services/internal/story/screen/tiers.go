package screen

import (
	"fmt"
	"io"
	"strings"

	"github.com/duban-project/duban/services/internal/story/tiers"
)

// Tiers writes what the province knows of its cities and districts, and how fresh
// it is.
func Tiers(w io.Writer, date string, lines []tiers.Line) error {
	var b strings.Builder
	fmt.Fprintf(&b, "全省干部作风整顿进展（省级活动，含市、区县下级活动）（演示数据）    截至 %[1]s\n"+
		"A province's work-style campaign with those of its cities and districts (demonstration data), as of %[1]s\n"+
		"Columns: bureau, problems found, closed, closing rate, overdue, sent back, ledgers overdue, ledgers filed late, tasks overdue, records counted/written, withheld, state\n", date)
	t := table{heading: []string{"单位", "发现", "销号", "销号率", "逾期", "退回", "台账未报", "台账迟报", "任务逾期", "已计入/已产生", "未上送", "状态"}}
	for _, l := range lines {
		row := append([]string{indent(l.Tier) + short(l.Tier.Name())}, cells(l.Figures, wide[:len(wide)-1])...)
		state := "正常"
		if l.Silent {
			state = "失联"
		}
		t.add(append(row, fmt.Sprintf("%d/%d", l.Counted, l.Size), fmt.Sprint(l.Withheld), state))
	}
	t.write(&b, 1)
	_, err := io.WriteString(w, b.String())
	return err
}

func indent(t *tiers.Tier) string {
	if t.Above == nil {
		return ""
	}
	return indent(t.Above) + "  "
}
