// Package sheet writes tables as files that offices open: CSV and Excel workbooks,
// in which nothing that somebody wrote into a cell is a formula (防公式注入).
// What is in them is decided by whoever makes the table; reading such files is not
// its business.
package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Table is one table. A cell is a string, a Plain, an int64 or a Milli.
type Table struct {
	// ID and Name are what it is, in letters of the contract's ids and in Chinese: Name
	// is the name of the sheet, and both begin the names of its file.
	ID, Name string
	// Header are the names of the columns.
	Header []string
	Rows   [][]any
	// Notes say what the figures rest on, as pairs of a word and what it is. A
	// workbook has them in a sheet of their own, CSV behind the rows and an empty
	// line.
	Notes [][2]string
}

// Plain is a text that CSV has as it is, whatever it begins with. The maker of the
// table MUST have seen that it is no formula, such as a number that was written by
// hand.
type Plain string

// Milli is a number in thousandths.
type Milli int64

func (m Milli) String() string { return strconv.FormatFloat(float64(m)/1000, 'f', 3, 64) }

// The content types of what is written.
const (
	TypeCSV  = "text/csv; charset=utf-8"
	TypeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// mark is the byte order mark by which Excel knows UTF-8: in Chinese it takes a file
// without one for GB18030.
const mark = "\xef\xbb\xbf"

// CSV writes the table by RFC 4180, in UTF-8 with a byte order mark, and its notes
// behind it after an empty line, in lines as wide as the table. A text that a
// spreadsheet would take for a formula has an apostrophe before it.
func CSV(t *Table) ([]byte, error) {
	b := bytes.NewBufferString(mark)
	w := csv.NewWriter(b)
	w.UseCRLF = true
	for _, row := range append(t.lines(), t.margin()...) {
		record := make([]string, len(row))
		for i, cell := range row {
			record[i] = text(cell)
		}
		if err := w.Write(record); err != nil {
			return nil, fmt.Errorf("writing CSV: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// lines are the header and the rows.
func (t *Table) lines() [][]any {
	header := make([]any, len(t.Header))
	for i, name := range t.Header {
		header[i] = name
	}
	return append([][]any{header}, t.Rows...)
}

// margin are an empty line and the notes, as CSV has them behind the rows.
func (t *Table) margin() (lines [][]any) {
	if len(t.Notes) > 0 {
		lines = append(lines, nil)
	}
	for _, row := range t.noted() {
		for len(row) < len(t.Header) {
			row = append(row, "")
		}
		lines = append(lines, row)
	}
	return lines
}

// noted are the notes as rows.
func (t *Table) noted() [][]any {
	rows := make([][]any, len(t.Notes))
	for i, pair := range t.Notes {
		rows[i] = []any{pair[0], pair[1]}
	}
	return rows
}

// begins are the characters by which spreadsheets know a formula, in both widths,
// and those that they pass over before one.
const begins = "=+-@\t\r\n＝＋－＠"

func text(cell any) string {
	s, ok := cell.(string)
	if first, _ := utf8.DecodeRuneInString(s); ok && s != "" && strings.ContainsRune(begins, first) {
		return "'" + s
	}
	return fmt.Sprint(cell)
}

// XLSX writes the table as an Excel workbook. Texts are texts there: none is a
// formula.
func XLSX(t *Table) (_ []byte, err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", t.Name); err != nil {
		return nil, fmt.Errorf("naming a sheet: %w", err)
	}
	if err := errors.Join(write(f, t.Name, t.lines()), notes(f, t.noted())); err != nil {
		return nil, fmt.Errorf("writing a workbook: %w", err)
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return nil, fmt.Errorf("writing a workbook: %w", err)
	}
	return b.Bytes(), nil
}

func notes(f *excelize.File, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	const name = "说明"
	if _, err := f.NewSheet(name); err != nil {
		return err
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
