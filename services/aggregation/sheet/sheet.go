// Package sheet writes tables as files that offices open: CSV and Excel workbooks.
// What is in them is decided by whoever makes the table; reading such files is not
// its business.
package sheet

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Table is one table. A cell is a string, an int64 or a Milli.
type Table struct {
	// Name is the name of the sheet.
	Name string
	// Header are the names of the columns.
	Header []string
	Rows   [][]any
	// Notes say what the figures rest on, as pairs of a word and what it is. Only a
	// workbook has room for them, in a sheet of their own.
	Notes [][2]string
}

// Milli is a number in thousandths.
type Milli int64

func (m Milli) String() string { return strconv.FormatFloat(float64(m)/1000, 'f', 3, 64) }

// The content types of what is written.
const (
	TypeCSV  = "text/csv; charset=utf-8"
	TypeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// mark is the byte order mark by which Excel knows UTF-8.
const mark = "\xef\xbb\xbf"

// CSV writes the table by RFC 4180, in UTF-8 with a byte order mark. A text that a
// spreadsheet would take for a formula has an apostrophe before it.
func CSV(t *Table) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(mark)
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	if err := w.Write(t.Header); err != nil {
		return nil, err
	}
	for _, row := range t.Rows {
		record := make([]string, len(row))
		for i, cell := range row {
			record[i] = text(cell)
		}
		if err := w.Write(record); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func text(cell any) string {
	s, ok := cell.(string)
	if !ok {
		return fmt.Sprint(cell)
	}
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// XLSX writes the table as an Excel workbook. Texts are texts there: none is a
// formula.
func XLSX(t *Table) (_ []byte, err error) {
	f := excelize.NewFile()
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	if err := f.SetSheetName("Sheet1", t.Name); err != nil {
		return nil, err
	}
	header := make([]any, len(t.Header))
	for i, name := range t.Header {
		header[i] = name
	}
	if err := write(f, t.Name, append([][]any{header}, t.Rows...)); err != nil {
		return nil, err
	}
	if err := notes(f, t.Notes); err != nil {
		return nil, err
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return nil, fmt.Errorf("writing a workbook: %w", err)
	}
	return b.Bytes(), nil
}

func notes(f *excelize.File, pairs [][2]string) error {
	if len(pairs) == 0 {
		return nil
	}
	const name = "说明"
	if _, err := f.NewSheet(name); err != nil {
		return err
	}
	rows := make([][]any, len(pairs))
	for i, pair := range pairs {
		rows[i] = []any{pair[0], pair[1]}
	}
	return write(f, name, rows)
}

func write(f *excelize.File, name string, rows [][]any) error {
	w, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	for i, row := range rows {
		at, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			return err
		}
		values := make([]any, len(row))
		for j, cell := range row {
			values[j] = cell
			if m, ok := cell.(Milli); ok {
				values[j] = float64(m) / 1000
			}
		}
		if err := w.SetRow(at, values); err != nil {
			return err
		}
	}
	return w.Flush()
}
