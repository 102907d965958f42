package screen

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/internal/story/picture"
)

func TestColumnsStandInLine(t *testing.T) {
	tab := table{heading: []string{"区县", "数"}}
	tab.add([]string{"长阳土家族自治县", "7"})
	tab.add([]string{"A县", "1234"})
	var b strings.Builder
	tab.write(&b, 1)
	want := "" +
		"区县                数\n" + // 4 + 12 blank + gap + 2 blank + 2
		"----------------------\n" +
		"长阳土家族自治县     7\n" +
		"A县               1234\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for line := range strings.Lines(b.String()) {
		if got := columnsOf(strings.TrimSuffix(line, "\n")); got != 22 {
			t.Errorf("%q takes %d columns, want 22", line, got)
		}
	}
}

func TestColumnsOf(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "督办": 4, "（演示）": 8, "12.5%": 5, "ｱ": 1} {
		if got := columnsOf(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

func sample() *picture.Picture {
	f := picture.Figures{"problems_found": 8, "problems_closed": 7, "problems_closing_rate": 875, "evaluation_score": 91234}
	return &picture.Picture{
		Date: "2026-12-15", Names: map[string]string{"problems_found": "发现问题数", "problems_closed": "已销号问题数", "ledgers_overdue": "逾期未报备台账数"}, Cities: f,
		Gloss:    map[string]string{"problems_found": "Problems found", "problems_closed": "Problems closed"},
		City:     picture.Sheet{Lines: []picture.Line{{Name: "西陵区教育局（演示数据）", Rank: 1, Figures: f}}},
		District: picture.Sheet{Title: "西陵区教育局（演示数据）", Lines: []picture.Line{{Name: "演示博雅小学", Figures: f}}},
		School:   picture.Sheet{Title: "演示博雅小学", Unit: "units/yc-420502-s03", Lines: []picture.Line{{Name: "弱——信念根基不牢", Figures: f}}},
		Months:   []picture.Month{{Name: "5月", Value: 7}}, Gaps: []string{"兴山县教育局第9号"}, Reports: []string{"兴山县教育局 2026-09 月报"}, Absent: "兴山县教育局（演示数据）", Direct: picture.Figures{"problems_found": 5}, Problems: 8, Compared: 99,
	}
}

func TestShow(t *testing.T) {
	var b bytes.Buffer
	if err := Show(&b, sample(), Telling{Calls: 1234, Elapsed: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"宜昌市干部作风整顿进展（演示数据）", "截至 2026-12-15", "发现问题数", "逾期未报备台账数", "逾期未报 0；", "87.5%", "91.23", "西陵区各校（演示数据）",
		"演示博雅小学各类问题（演示数据）", "5月 7", "欠报报表（演示数据，另计）：兴山县教育局 2026-09 月报；报送缺号：兴山县教育局第9号", "局机关", "合计", "市直", "兴山县由自有系统按月报数", "核对 99 个数字", "REST 调用 1234 次",
		"demonstration data", "Columns: rank, district, problems found, problems closed, ", "8 problems read one by one, 99 figures compared", "5.0 s, 1234 REST calls",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestFurther(t *testing.T) {
	var b bytes.Buffer
	if err := Further(&b, "http://127.0.0.1:8080", "key", sample()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "\ncurl "); got != 3 {
		t.Errorf("%d curl lines, want 3", got)
	}
	for _, want := range []string{"http://127.0.0.1:8080/docs/", "KEY=key\n", "演示数据", "How to look further", "unit=units/yc-420502-s03"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// What a district's reports do not bring is unknown, which is not 0.
func TestWhatReportsDoNotBringIsUnknown(t *testing.T) {
	got := cells(picture.Figures{"problems_found": 15}, []string{"problems_found", "problems_overdue", "problems_returned"}, "problems_returned")
	if diff := cmp.Diff([]string{"15", "0", "-"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
