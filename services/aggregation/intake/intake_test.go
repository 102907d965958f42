package intake_test

import (
	"archive/zip"
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/intake"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/sheet"
	"github.com/duban-project/duban/services/internal/fault"
)

const (
	csv  = aggregationv1.UploadReportRequest_FORMAT_CSV
	xlsx = aggregationv1.UploadReportRequest_FORMAT_XLSX

	rejected = aggregationv1.Report_VERDICT_REJECTED
)

type row = aggregationv1.Report_Row

func readFile(format aggregationv1.UploadReportRequest_Format, content []byte, form *aggregationv1.ReportForm) ([]*row, map[string]string, error) {
	f, err := intake.Open(context.Background(), format, content)
	if err != nil {
		return nil, nil, err
	}
	return f.Read(context.Background(), form)
}

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
	content, _, err := (&sheet.Table{Name: "Sheet1", Header: table[0], Rows: rows[1:]}).Write(true)
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
			got, _, err := readFile(c.format, c.content, ledger(t))
			if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestALineMayNameItsField(t *testing.T) {
	got, _, err := readFile(csv, []byte("单位,指标,数值\nunits/a,found,7\nunits/a,lost,1\n"), ledger(t))
	want := []*row{{Unit: "units/a", Field: "found", Value: 7, Line: 2}, {Unit: "units/a", Field: "lost", Value: 1, Line: 3}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// A line with more cells than the header may have had a comma that parts a number:
// nothing of it is a value. A line without a value is not passed over.
func TestLinesThatDoNotFitAreRejected(t *testing.T) {
	file := "unit,found,closed\nS1,1,200,3\nS2,1,200,\nS3,,\n,,\nS4,5\nS5,null,x\n"
	got, _, err := readFile(csv, []byte(file), ledger(t))
	want := []*row{
		{Unit: "S1", Line: 2, Verdict: rejected, Reason: reports.ErrLineInvalid.Reason, Column: "D", Unreadable: "3"},
		{Unit: "S2", Line: 3, Verdict: rejected, Reason: reports.ErrLineInvalid.Reason, Column: "D"},
		{Unit: "S3", Line: 4, Unreadable: reports.Nothing},
		{Unit: "S4", Line: 6, Field: "found", Value: 5},
		{Unit: "S5", Line: 7, Field: "found", Unreadable: "null"},
		{Unit: "S5", Line: 7, Field: "closed", Unreadable: "x"},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&row{}, "message_zh", "message_en")); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, _, err := readFile(csv, []byte("unit,found,,\nS1,1,,\n"), ledger(t)); err != nil || len(got) != 1 || got[0].GetValue() != 1 {
		t.Errorf("empty columns of the header itself: %v, %v", got, err)
	}
	wide := book(t, [][]string{{"单位", "found", ""}, {"S1", "1", "x"}, {"S2", "2", ""}})
	if got, _, err := readFile(xlsx, wide, ledger(t)); err != nil || len(got) != 2 || got[0].GetColumn() != "C" || got[1].GetValue() != 2 {
		t.Errorf("a cell that no column is above: %v, %v", got, err)
	}
}

// parts are those of a workbook, by their names.
func parts(t testing.TB, content []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(text)
	}
	return all
}

func packed(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range parts {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sheetOf is a workbook by another program, whose sheet has these rows in place of
// its own; its shared texts are 单位, found and units/a.
func sheetOf(t testing.TB, rows string) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for at, v := range map[string]string{"A1": "单位", "B1": "found", "A2": "units/a"} {
		if err := f.SetCellStr("Sheet1", at, v); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	all := parts(t, b.Bytes())
	all["xl/sharedStrings.xml"] = `<sst><si><t>单位</t></si><si><r><t>fou</t></r><r><t>nd</t></r><rPh sb="0" eb="1"><t>x</t></rPh></si><si><t>units/a</t></si></sst>`
	sheet := all["xl/worksheets/sheet1.xml"]
	from, to := strings.Index(sheet, "<sheetData>"), strings.Index(sheet, "</sheetData>")
	if from < 0 || to < 0 {
		t.Fatalf("the sheet is %s", sheet)
	}
	all["xl/worksheets/sheet1.xml"] = sheet[:from] + "<sheetData>" + rows + sheet[to:]
	return packed(t, all)
}

const titles = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>`

// What is a number in JSON is the same one in a file, and what is none there is none in a file,
// but for what people and spreadsheets write in a way of their own.
func TestFilesReadNumbersAsJSONDoes(t *testing.T) {
	for text, only := range map[string]*row{
		"0": nil, "-0": nil, "7": nil, "-5": nil, "12.0": nil, "0.0": nil, "1.5": nil, "1e2": nil, "1.2E7": nil, "4200e-2": nil, "1.5E0": nil, "15e-1": nil, "1e0": nil,
		"007": nil, "00": nil, "-07": nil, "007.0": nil, "01e2": nil, "1e": nil, "e2": nil, "0x7": nil, "1_000": nil, ".5e1": nil, "1e300": nil, "1e99": nil, "Inf": nil, "NaN": nil,
		"1,200": {Value: 1200}, "+5": {Value: 5}, "0,200": {Unreadable: "0,200"},
		"1.23E+03": {Unreadable: "1.23E+03"}, // as a spreadsheet shows it, which may be rounded
	} {
		want := only
		if want == nil {
			if want = (&row{}); !json.Valid([]byte(text)) || protojson.Unmarshal([]byte(`{"value":`+text+`}`), want) != nil {
				want = &row{Unreadable: text}
			}
		}
		list, _, err := readFile(csv, []byte("unit,found\nunits/a,\""+text+"\"\n"), ledger(t))
		if err != nil || len(list) != 1 || list[0].GetValue() != want.GetValue() || list[0].GetUnreadable() != want.GetUnreadable() {
			t.Errorf("%q is read as %v, %v, want %v", text, list, err, want)
		}
	}
}

// A cell is a value if it is written as one: what is only shown, not known or not
// there is none.
func TestCellsThatHoldNoValue(t *testing.T) {
	for name, c := range map[string]struct {
		cell string
		want *row
	}{
		"a number":             {`<c r="B2"><v>42</v></c>`, &row{Value: 42}},
		"a text":               {`<c r="B2" t="inlineStr"><is><t>1,200</t></is></c>`, &row{Value: 1200}},
		"a whole number":       {`<c r="B2" t="n"><v>42.0</v></c>`, &row{Value: 42}},
		"a power of ten":       {`<c r="B2"><v>1.2E7</v></c>`, &row{Value: 12_000_000}},
		"a small power":        {`<c r="B2"><v>4200E-2</v></c>`, &row{Value: 42}},
		"a half":               {`<c r="B2"><v>1.5</v></c>`, &row{Unreadable: "1.5"}},
		"as shown":             {`<c r="B2"><v>434.99999999999994</v></c>`, &row{Value: 435}},
		"a signed power":       {`<c r="B2"><v>1E+2</v></c>`, &row{Value: 100}},
		"a far power":          {`<c r="B2"><v>1E+16</v></c>`, &row{Value: 10_000_000_000_000_000}},
		"a half by a power":    {`<c r="B2"><v>1.5E0</v></c>`, &row{Unreadable: "1.5E0"}},
		"beyond all":           {`<c r="B2"><v>1E300</v></c>`, &row{Unreadable: "1E300"}},
		"no number":            {`<c r="B2"><v>Inf</v></c>`, &row{Unreadable: "Inf"}},
		"a text of a power":    {`<c r="B2" t="str"><v>1E2</v></c>`, &row{Value: 100}},
		"a power as shown":     {`<c r="B2" t="str"><v>1.23E+03</v></c>`, &row{Unreadable: "1.23E+03"}},
		"a saved formula":      {`<c r="B2"><f>40+2</f><v>42</v></c>`, &row{Value: 42}},
		"a formula of nothing": {`<c r="B2" t="str"><f>""</f><v></v></c>`, &row{Field: "-", Unreadable: reports.Nothing}},
		"an unsaved formula":   {`<c r="B2"><f>40+2</f></c>`, &row{Unreadable: "=40+2"}},
		"an emptied formula":   {`<c r="B2"><f>40+2</f><v></v></c>`, &row{Unreadable: "=40+2"}},
		"true":                 {`<c r="B2" t="b"><v>1</v></c>`, &row{Unreadable: "TRUE"}},
		"an error":             {`<c r="B2" t="e"><v>#REF!</v></c>`, &row{Unreadable: "#REF!"}},
		"an error of a number": {`<c r="B2" t="e"><v>7</v></c>`, &row{Unreadable: "#7"}},
		"an empty cell":        {`<c r="B2" s="1" t="s"/>`, &row{Field: "-", Unreadable: reports.Nothing}},
	} {
		want := &row{Unit: "units/a", Line: 2, Field: "found", Value: c.want.GetValue(), Unreadable: c.want.GetUnreadable()}
		if c.want.GetField() != "" {
			want.Field = ""
		}
		got, _, err := readFile(xlsx, sheetOf(t, titles+`<row r="2"><c r="A2" t="s"><v>2</v></c>`+c.cell+`</row>`), ledger(t))
		if diff := cmp.Diff([]*row{want}, got, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	got, _, err := readFile(xlsx, sheetOf(t, titles+`<row r="2"><c r="A2"><f>C9</f></c><c r="B2"><v>1</v></c></row>`), ledger(t))
	if err != nil || len(got) != 1 || got[0].GetVerdict() != rejected || got[0].GetColumn() != "单位" || got[0].GetUnreadable() != "=C9" {
		t.Errorf("a unit that nobody knows: %v, %v", got, err)
	}
}

// A spreadsheet makes a date of 3-15 and a percentage of 200%: the number beneath is none
// that anybody wrote.
func TestDatesAndPercentagesAreNoValues(t *testing.T) {
	formats := []string{"14", "22", "164", "165", "9", "166", "20", "3", "167", "31", "99"}
	head := `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="4">` +
		`<numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="[h]:mm"/>` +
		`<numFmt numFmtId="166" formatCode="0.0%;[Red]-0.0%"/><numFmt numFmtId="167" formatCode="#,##0&quot;日%&quot;"/></numFmts>` +
		`<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>`
	for _, f := range formats {
		head += `<xf numFmtId="` + f + `"/>`
	}
	head += `</cellXfs><dxfs><dxf><numFmt numFmtId="3" formatCode="yyyy"/></dxf></dxfs></styleSheet>`
	for cell, want := range map[string]*row{
		`<c s="0"><v>45000</v></c>`:                    {Value: 45000},
		`<c s="1"><v>45000</v></c>`:                    {Unreadable: "2023-03-15"},
		`<c s="2"><v>45000.5</v></c>`:                  {Unreadable: "2023-03-15 12:00:00"},
		`<c s="3"><v>45000</v></c>`:                    {Unreadable: "2023-03-15"},
		`<c s="3" t="n"><f>B9</f><v>0</v></c>`:         {Unreadable: "1899-12-30"},
		`<c s="4"><v>0.25</v></c>`:                     {Unreadable: "06:00:00"},
		`<c s="5"><v>2</v></c>`:                        {Unreadable: "200%"},
		`<c s="6"><v>0.07</v></c>`:                     {Unreadable: "7%"},
		`<c s="7"><v>0.25</v></c>`:                     {Unreadable: "06:00:00"},
		`<c s="8"><v>1200</v></c>`:                     {Value: 1200},
		`<c s="9"><v>1200</v></c>`:                     {Value: 1200},
		`<c s="10"><v>45000</v></c>`:                   {Unreadable: "2023-03-15"},
		`<c s="11"><v>45000</v></c>`:                   {Value: 45000},
		`<c s="1"><v>-1</v></c>`:                       {Unreadable: "-1 (#)"},
		`<c s="1"><v>1E300</v></c>`:                    {Unreadable: "1E300 (#)"},
		`<c s="1" t="inlineStr"><is><t>5</t></is></c>`: {Value: 5},
		`<c s="99"><v>5</v></c>`:                       {Value: 5},
	} {
		all := parts(t, sheetOf(t, titles+`<row r="2"><c r="A2" t="s"><v>2</v></c>`+cell+`</row>`))
		all["xl/styles.xml"] = head
		want.Unit, want.Line, want.Field = "units/a", 2, "found"
		got, _, err := readFile(xlsx, packed(t, all), ledger(t))
		if diff := cmp.Diff([]*row{want}, got, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", cell, err, diff)
		}
	}
	all := parts(t, sheetOf(t, titles+`<row r="2"><c t="s"><v>2</v></c><c s="1"><v>43538</v></c></row>`))
	all["xl/styles.xml"] = head
	all["xl/workbook.xml"] = strings.Replace(all["xl/workbook.xml"], "<sheets>", `<workbookPr date1904="1"/><sheets>`, 1)
	if got, _, err := readFile(xlsx, packed(t, all), ledger(t)); err != nil || len(got) != 1 || got[0].GetUnreadable() != "2023-03-15" {
		t.Errorf("counted from 1904: %v, %v", got, err)
	}
}

// Codes that libraries write as numbers are the codes that were meant.
func TestCodesThatAreNumbers(t *testing.T) {
	for cell, want := range map[string]string{
		"<c><v>420503.0</v></c>": "420503", "<c><v>3.142030001E9</v></c>": "3142030001", "<c><v>420503</v></c>": "420503",
		`<c t="inlineStr"><is><t>007.0</t></is></c>`: "007.0", "<c><v>007</v></c>": "007",
	} {
		heads := `<row r="1"><c t="inlineStr"><is><t>学校代码</t></is></c><c t="s"><v>1</v></c></row>`
		got, _, err := readFile(xlsx, sheetOf(t, heads+"<row>"+cell+"<c><v>1</v></c></row>"), ledger(t))
		if err != nil || len(got) != 1 || got[0].GetCode() != want {
			t.Errorf("%s is the code %q, want %q: %v", cell, got, want, err)
		}
	}
}

// A sheet that is damaged says nothing, not even what stands before the damage.
func TestDamagedSheetsAreRefused(t *testing.T) {
	good := `<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1</v></c></row>`
	if got, _, err := readFile(xlsx, sheetOf(t, titles+good), ledger(t)); err != nil || len(got) != 1 {
		t.Fatalf("a good one: %v, %v", got, err)
	}
	whole := parts(t, sheetOf(t, titles+good))
	sheet := whole["xl/worksheets/sheet1.xml"]
	for name, content := range map[string][]byte{
		"a text that is not there": sheetOf(t, titles+good+`<row r="3"><c r="A3" t="s"><v>2</v></c><c r="B3" t="s"><v>99999</v></c></row>`),
		"a text of no number":      sheetOf(t, titles+good+`<row r="3"><c r="A3" t="s"><v>-1</v></c></row>`),
		"a cell of no kind":        sheetOf(t, titles+`<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" t="x"><v>1</v></c></row>`),
		"a row twice":              sheetOf(t, titles+good+good),
		"a cell twice":             sheetOf(t, titles+`<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1</v></c><c r="B2"><v>9</v></c></row>`),
		"a cell of another row":    sheetOf(t, titles+`<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B9"><v>1</v></c></row>`),
		"cut off in a row":         packed(t, with(whole, sheet[:strings.Index(sheet, `<c r="B2"`)])),
		"cut off behind a row":     packed(t, with(whole, sheet[:strings.Index(sheet, "</sheetData>")])),
		"cut off at the end":       packed(t, with(whole, sheet[:strings.Index(sheet, "</worksheet>")])),
	} {
		if got, _, err := readFile(xlsx, content, ledger(t)); !errors.Is(err, reports.ErrFileInvalid) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// with are the parts of a workbook with another sheet.
func with(parts map[string]string, sheet string) map[string]string {
	all := maps.Clone(parts)
	all["xl/worksheets/sheet1.xml"] = sheet
	return all
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

// dense is a workbook of which a part has as many elements, each numbered, as fit into
// half of what a workbook may unpack to, up to some more than are read.
func dense(t testing.TB, part, first, element, last string) []byte {
	t.Helper()
	var b strings.Builder
	b.WriteString(first)
	for i := 0; b.Len() < 32<<20 && i < 3_100_000; i++ {
		b.WriteString(strings.ReplaceAll(element, "%d", strconv.Itoa(i)))
	}
	b.WriteString(last)
	all := parts(t, sheetOf(t, titles))
	all[part] = b.String()
	return packed(t, all)
}

// How many rows a file may have goes by its own size: two lines are not as many as there
// may be, and no file has more than was said.
func TestAFileIsAsLargeAsItIs(t *testing.T) {
	many := plain(append(slices.Clone(table), slices.Repeat([][]string{{"4205020001", "", "1", "2", ""}}, 5000)...))
	for name, c := range map[string]struct {
		format  aggregationv1.UploadReportRequest_Format
		content []byte
		most    int
	}{
		"two lines":         {csv, []byte(plain(table)), reports.PageRows},
		"a small workbook":  {xlsx, sheetOf(t, titles+`<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1</v></c></row>`), reports.PageRows},
		"many lines":        {csv, []byte(many), 30_000},
		"the tersest sheet": {xlsx, sheetOf(t, titles+strings.Repeat("<row>"+strings.Repeat("<c><v>1</v></c>", 2)+"</row>", 5000)), 30_000},
		"all that fits":     {csv, []byte(strings.Repeat(",", 8<<20)), reports.MaxRows},
	} {
		f, err := intake.Open(t.Context(), c.format, c.content)
		if err != nil || f.Most() > c.most {
			t.Fatalf("%s: at most %d rows, want %d: %v", name, f.Most(), c.most, err)
		}
		if rows, _, err := f.Read(t.Context(), ledger(t)); err == nil && len(rows) > f.Most() {
			t.Errorf("%s: %d rows, at most %d were said", name, len(rows), f.Most())
		}
	}
}

// Nobody reads for a caller who has gone.
func TestReadingStopsWithItsCaller(t *testing.T) {
	f, err := intake.Open(t.Context(), xlsx, sheetOf(t, titles+strings.Repeat("<row><c><v>1</v></c></row>", 5000)))
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if rows, _, err := f.Read(gone, ledger(t)); !errors.Is(err, context.Canceled) || rows != nil {
		t.Errorf("= %d rows, %v", len(rows), err)
	}
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
		"a bomb":         {xlsx, string(bomb(t, 65<<20)), reports.ErrFileTooLarge},
		"texts":          {xlsx, string(dense(t, "xl/sharedStrings.xml", "<sst>", "<si/>", "</sst>")), reports.ErrFileTooLarge},
		"elements":       {xlsx, string(dense(t, "xl/worksheets/sheet1.xml", "<worksheet>", "<x/>", "</worksheet>")), reports.ErrFileTooLarge},
		"levels":         {xlsx, string(dense(t, "xl/worksheets/sheet1.xml", "<worksheet>", "<x>", "")), reports.ErrFileTooLarge},
		"attributes":     {xlsx, string(dense(t, "xl/worksheets/sheet1.xml", "<worksheet ", `a="" `, "/>")), reports.ErrFileTooLarge},
		"relations":      {xlsx, string(dense(t, "xl/_rels/workbook.xml.rels", "<Relationships>", `<Relationship Id="%d" Type="t"/>`, "</Relationships>")), reports.ErrFileTooLarge},
		"sheets":         {xlsx, string(dense(t, "xl/workbook.xml", "<workbook>", `<sheet/>`, "</workbook>")), reports.ErrFileTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if rows, _, err := readFile(c.format, []byte(c.content), ledger(t)); !errors.Is(err, c.want) || rows != nil {
				t.Errorf("= %d rows, %v, want %v", len(rows), err, c.want)
			}
		})
	}
}

// TestAFileThatIsTooLargeSaysWhatHelps: to part it does nothing for a cell, for columns, or for
// how a workbook is built.
func TestAFileThatIsTooLargeSaysWhatHelps(t *testing.T) {
	for _, c := range []struct {
		format  aggregationv1.UploadReportRequest_Format
		content string
		zh, en  string
	}{
		{csv, "单位,found\n" + strings.Repeat("a", intake.MaxCell+1) + ",1\n", "1024 字节每格）。（请缩短单元格的内容）", "1024 bytes in a cell). (shorten what stands in the cell)"},
		{csv, strings.Repeat(",", intake.MaxColumns+1), "64 栏）。（请删除多余的栏）", "64 columns). (leave columns out)"},
		{csv, "单位,found\n" + strings.Repeat("a,1\n", intake.MaxLines+1), "100000 行）。（请拆分报送）", "100000 lines). (part it)"},
		{xlsx, string(bomb(t, 65<<20)), "67108864 字节（解压后））。（请拆分报送）", "67108864 bytes). (part it)"},
		{xlsx, string(dense(t, "xl/sharedStrings.xml", "<sst>", "<si/>", "</sst>")), "500000 个文本）。（请拆分报送）", "500000 texts). (part it)"},
		{xlsx, string(dense(t, "xl/worksheets/sheet1.xml", "<worksheet>", "<x/>", "</worksheet>")), "3000000 个元素）。（请拆分报送）", "3000000 elements). (part it)"},
		{xlsx, string(dense(t, "xl/worksheets/sheet1.xml", "<worksheet>", "<x>", "")), "100 层嵌套）。（请另存为新文件后报送）", "100 levels). (save it anew as a plain table)"},
		{xlsx, string(dense(t, "xl/worksheets/sheet1.xml", "<worksheet ", `a="" `, "/>")), "262144 字节每个标签）。（请另存为新文件后报送）", "262144 bytes of a tag). (save it anew as a plain table)"},
		{xlsx, string(dense(t, "xl/_rels/workbook.xml.rels", "<Relationships>", `<Relationship Id="%d" Type="t"/>`, "</Relationships>")), "1000 个部件关系）。（请另存为新文件后报送）", "1000 relations). (save it anew as a plain table)"},
	} {
		_, _, err := readFile(c.format, []byte(c.content), ledger(t))
		f := fault.As(err)
		if f == nil {
			t.Fatalf("%s: it is read: %v", c.en, err)
		}
		zh, en := f.Whole()
		want := [2]string{"文件超过上限（" + c.zh, "The file exceeds the limit (" + c.en}
		if diff := cmp.Diff(want, [2]string{zh, en}); diff != "" {
			t.Error(diff)
		}
	}
}

// No cell that a sender wrote is a formula to whoever opens the file, and no plain
// number is changed.
func TestNoCellIsAFormula(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "-1+1": "'-1+1", "＝1": "'＝1", "＠a": "'＠a", "": "", "-5": "-5", "+5": "+5", "12": "12", "甲": "甲",
	} {
		content, media, err := intake.Verdicts([]*row{{Unit: "units/a", Code: cell}}).Write(false)
		if err != nil || media != sheet.TypeCSV {
			t.Fatalf("%s, %v", media, err)
		}
		rows, err := stdcsv.NewReader(bytes.NewReader(content)).ReadAll()
		if err != nil || len(rows) != 2 || rows[1][1] != "units/a" || rows[1][3] != want {
			t.Errorf("%q is written as %q, want %q: %v", cell, rows, want, err)
		}
	}
}

// What a row does not have is nothing in a file, and not 0.
func TestNoneIsNotZeroAmongVerdicts(t *testing.T) {
	for want, r := range map[string]*row{
		",0": {}, "4,7": {Line: 4, Value: 7}, ",": {Reason: reports.ErrValueMissing.Reason},
		",99999999999999999999": {Reason: reports.ErrValueOutOfRange.Reason, Unreadable: "99999999999999999999"},
		"2,x":                   {Line: 2, Reason: reports.ErrValueUnreadable.Reason, Unreadable: "x"},
	} {
		cells := intake.Verdicts([]*row{r}).Rows[0]
		if got := fmt.Sprint(cells[0], ",", cells[7]); got != want {
			t.Errorf("line and value are %q, want %q", got, want)
		}
	}
}

func fuzz(f *testing.F, format aggregationv1.UploadReportRequest_Format) {
	form := ledger(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		rows, _, err := readFile(format, content, form)
		if err != nil && rows != nil {
			t.Error("rows and an error")
		}
		for _, r := range rows {
			if r.GetLine() < 2 || len(r.GetCode()) > intake.MaxCell || r.GetVerdict() != 0 && r.GetVerdict() != rejected || r.GetResolvedUnit() != "" {
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
	f.Add(sheetOf(f, titles+`<row><c t="b"><v>1</v></c><c><f>A1</f></c></row>`))
	f.Add(bomb(f, 1<<20))
	fuzz(f, xlsx)
}
