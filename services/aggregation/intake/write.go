package intake

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// The media types of what Write makes.
const (
	MediaCSV  = "text/csv; charset=utf-8"
	MediaXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// Write returns a table as a file, and its media type. Of CSV, which spreadsheets
// open, every cell that could be taken for a formula begins with an apostrophe
// (防公式注入); in a workbook all cells are text.
func Write(format aggregationv1.UploadReportRequest_Format, table [][]string) (content []byte, media string, err error) {
	if format == aggregationv1.UploadReportRequest_FORMAT_XLSX {
		content, err = writeXLSX(table)
		return content, MediaXLSX, err
	}
	b := bytes.NewBuffer(bytes.Clone(mark)) // without it spreadsheets in Chinese take it for GB18030
	w := csv.NewWriter(b)
	for _, cells := range table {
		guarded := make([]string, len(cells))
		for i, cell := range cells {
			guarded[i] = Guard(cell)
		}
		if err := w.Write(guarded); err != nil {
			return nil, "", fmt.Errorf("writing CSV: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), MediaCSV, w.Error()
}

// Guard returns a cell that no spreadsheet takes for a formula, whatever a sender
// wrote into it. Plain numbers stay as they are.
func Guard(cell string) string {
	if _, err := strconv.ParseInt(cell, 10, 64); err == nil {
		return cell
	}
	if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}

func writeXLSX(table [][]string) (content []byte, err error) {
	book := excelize.NewFile()
	defer func() { err = errors.Join(err, book.Close()) }()
	w, err := book.NewStreamWriter(book.GetSheetName(0))
	if err != nil {
		return nil, fmt.Errorf("writing a workbook: %w", err)
	}
	for i, cells := range table {
		values := make([]any, len(cells))
		for j, cell := range cells {
			values[j] = cell // text is never a formula
		}
		if err := w.SetRow("A"+strconv.Itoa(i+1), values); err != nil {
			return nil, fmt.Errorf("writing a workbook: %w", err)
		}
	}
	var b bytes.Buffer
	err = errors.Join(w.Flush(), book.Write(&b))
	return b.Bytes(), err
}

// Verdicts is the table of what became of rows, with a first line in Chinese.
func Verdicts(rows []*aggregationv1.Report_Row) [][]string {
	table := [][]string{{"行号", "单位", "代码类别", "代码", "活动", "类别", "指标", "数值", "对应单位", "结论", "原因", "栏", "说明", "提示", "已计入"}}
	for _, r := range rows {
		value := strconv.FormatInt(r.GetValue(), 10)
		if r.GetUnreadable() != "" {
			value = r.GetUnreadable()
		}
		table = append(table, []string{
			strconv.Itoa(int(r.GetLine())), r.GetUnit(), r.GetScheme(), r.GetCode(), r.GetCampaign(), r.GetCategory(), r.GetField(), value,
			r.GetResolvedUnit(), strings.TrimPrefix(r.GetVerdict().String(), "VERDICT_"), r.GetReason(), r.GetColumn(), r.GetMessageZh(),
			strings.Join(r.GetWarnings(), " "), strconv.FormatBool(r.GetCounted()),
		})
	}
	return table
}
