package sheet_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/duban-project/duban/services/aggregation/sheet"
)

var evil = []any{"=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM(1)", "-5"}

func TestNoTextOfCSVIsAFormula(t *testing.T) {
	for _, cell := range evil {
		if got := sheet.Text(cell); got != "'"+cell.(string) {
			t.Errorf("%q is written as %q", cell, got)
		}
	}
	for cell, want := range map[any]string{
		"": "", "甲": "甲", "a=1": "a=1", "\xff": "\xff",
		int64(-5): "-5", sheet.Milli(-1500): "-1.500", sheet.Plain("-5"): "-5",
	} {
		if got := sheet.Text(cell); got != want {
			t.Errorf("%v is written as %q, want %q", cell, got, want)
		}
	}
	got, err := sheet.CSV(&sheet.Table{Header: []string{"=单位", "数,值"}, Rows: [][]any{{"＝1", int64(-5)}}})
	if diff := cmp.Diff("\xef\xbb\xbf'=单位,\"数,值\"\r\n'＝1,-5\r\n", string(got)); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestNoCellOfAWorkbookIsAFormula(t *testing.T) {
	b, err := sheet.XLSX(&sheet.Table{Name: "表", Header: []string{"=1+1"}, Rows: [][]any{evil, {sheet.Plain("-5")}}, Notes: [][2]string{{"=1+1", "＝1"}}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, name := range []string{"表", "说明"} {
		rows, err := f.GetRows(name)
		if err != nil || len(rows) == 0 {
			t.Fatalf("%s: %d rows, %v", name, len(rows), err)
		}
		for y, row := range rows {
			for x := range row {
				at, _ := excelize.CoordinatesToCellName(x+1, y+1)
				formula, _ := f.GetCellFormula(name, at)
				if kind, _ := f.GetCellType(name, at); formula != "" || kind != excelize.CellTypeInlineString {
					t.Errorf("%s %s is %v with the formula %q", name, at, kind, formula)
				}
			}
		}
	}
}
