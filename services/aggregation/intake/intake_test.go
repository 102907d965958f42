package intake_test

import (
	"archive/zip"
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"google.golang.org/protobuf/testing/protocmp"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/intake"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

const (
	csv  = aggregationv1.UploadReportRequest_FORMAT_CSV
	xlsx = aggregationv1.UploadReportRequest_FORMAT_XLSX
)

type row = aggregationv1.Report_Row

func ledger(t testing.TB) *aggregationv1.ReportForm {
	t.Helper()
	form, err := reports.FindForm("reportForms/ledger-monthly")
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// table is what all kinds of files must hold alike.
var table = [][]string{
	{"学校标识码", "活动", "发现问题数", "closed", "备注"},
	{"4205020001", "campaigns/x", "1,200", "3.0", "=1+1"},
	{"", "", "", "", ""},
	{"4205020002", "", "", "三", "甲，乙"},
}

var want = []*row{
	{Scheme: "school", Code: "4205020001", Campaign: "campaigns/x", Field: "found", Value: 1200, Line: 2},
	{Scheme: "school", Code: "4205020001", Campaign: "campaigns/x", Field: "closed", Value: 3, Line: 2},
	{Scheme: "school", Code: "4205020002", Field: "closed", Unreadable: "三", Line: 4},
}

func plain(table [][]string) string {
	var b strings.Builder
	for _, cells := range table {
		for i, cell := range cells {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q", cell)
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

func book(t testing.TB, table [][]string) []byte {
	t.Helper()
	rows := make([][]any, len(table))
	for y, texts := range table {
		for _, text := range texts {
			rows[y] = append(rows[y], text)
		}
	}
	content, _, err := intake.Write(xlsx, &sheet.Table{Name: "Sheet1", Header: table[0], Rows: rows[1:]})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestFilesAreReadAlike(t *testing.T) {
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(plain(table))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		format  aggregationv1.UploadReportRequest_Format
		content []byte
	}{
		"UTF-8":    {csv, []byte(plain(table))},
		"marked":   {csv, []byte("\xef\xbb\xbf" + plain(table))},
		"GB18030":  {csv, []byte(gb)},
		"workbook": {xlsx, book(t, table)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := intake.Read(c.format, c.content, ledger(t))
			if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestALineMayNameItsField(t *testing.T) {
	got, err := intake.Read(csv, []byte("单位,指标,数值\nunits/a,found,7\nunits/a,lost,1\n"), ledger(t))
	want := []*row{{Unit: "units/a", Field: "found", Value: 7, Line: 2}, {Unit: "units/a", Field: "lost", Value: 1, Line: 3}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// A workbook's formulas are not computed: what was saved beside them counts.
func TestFormulasAreNotComputed(t *testing.T) {
	f := excelize.NewFile()
	defer f.Close()
	for at, v := range map[string]string{"A1": "单位", "B1": "found", "A2": "units/a"} {
		if err := f.SetCellStr("Sheet1", at, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SetCellFormula("Sheet1", "B2", "40+2"); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := intake.Read(xlsx, b.Bytes(), ledger(t))
	for _, r := range got {
		if r.GetValue() == 42 {
			t.Errorf("a formula was computed: %v", r)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// bomb is a workbook whose sheet unpacks to zeros without end.
func bomb(t testing.TB, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte{' '}, 1<<20)
	for range size >> 20 {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFilesThatAreNotTaken(t *testing.T) {
	long := "单位,found\n" + strings.Repeat("units/a,1\n", intake.MaxLines+1)
	for name, c := range map[string]struct {
		format  aggregationv1.UploadReportRequest_Format
		content string
		want    error
	}{
		"nothing":        {csv, "\n\n", reports.ErrColumnInvalid},
		"no unit":        {csv, "found\n1\n", reports.ErrColumnInvalid},
		"no value":       {csv, "单位\nunits/a\n", reports.ErrColumnInvalid},
		"no such column": {csv, "单位,found,lost\n", reports.ErrColumnInvalid},
		"column twice":   {csv, "单位,found,found\n", reports.ErrColumnInvalid},
		"quotes":         {csv, "单位,found\n\"a,1\n", reports.ErrFileInvalid},
		"bytes":          {csv, "unit,found\n\xff\xff,1\n", reports.ErrFileInvalid},
		"zero":           {csv, "单位,found\na\x00,1\n", reports.ErrFileInvalid},
		"columns":        {csv, strings.Repeat(",", intake.MaxColumns+1), reports.ErrFileTooLarge},
		"cell":           {csv, "单位,found\n" + strings.Repeat("a", intake.MaxCell+1) + ",1\n", reports.ErrFileTooLarge},
		"lines":          {csv, long, reports.ErrFileTooLarge},
		"no workbook":    {xlsx, "单位,found\n", reports.ErrFileInvalid},
		"a zip":          {xlsx, string(bomb(t, 1<<20)), reports.ErrFileInvalid},
		"a bomb":         {xlsx, string(bomb(t, 100<<20)), reports.ErrFileTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if rows, err := intake.Read(c.format, []byte(c.content), ledger(t)); !errors.Is(err, c.want) || rows != nil {
				t.Errorf("= %d rows, %v, want %v", len(rows), err, c.want)
			}
		})
	}
}

// No cell that a sender wrote is a formula to whoever opens the file, and no plain
// number is changed.
func TestNoCellIsAFormula(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "-1+1": "'-1+1", "＝1": "'＝1", "＠a": "'＠a", "": "", "-5": "-5", "+5": "+5", "12": "12", "甲": "甲",
	} {
		content, media, err := intake.Write(csv, intake.Verdicts([]*row{{Unit: "units/a", Code: cell}}))
		if err != nil || media != sheet.TypeCSV {
			t.Fatalf("%s, %v", media, err)
		}
		rows, err := stdcsv.NewReader(bytes.NewReader(content)).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][1] != "units/a" || rows[1][3] != want {
			t.Errorf("%q is written as %q, want %q: %v", cell, rows, want, err)
		}
	}
}

func fuzz(f *testing.F, format aggregationv1.UploadReportRequest_Format) {
	form := ledger(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		rows, err := intake.Read(format, content, form)
		if err != nil && rows != nil {
			t.Error("rows and an error")
		}
		for _, r := range rows {
			if r.GetLine() < 2 || len(r.GetCode()) > intake.MaxCell || r.GetVerdict() != 0 || r.GetResolvedUnit() != "" {
				t.Errorf("row %v", r)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(plain(table)))
	f.Add([]byte("单位,found\n\xb5\xa5\xce\xbb,1\n"))
	f.Add([]byte("\xef\xbb\xbfunit,value,field\na,1,found\n"))
	fuzz(f, csv)
}

func FuzzXLSX(f *testing.F) {
	f.Add(book(f, table))
	f.Add(bomb(f, 1<<20))
	fuzz(f, xlsx)
}
