// Package intake reads the rows of a report from files, CSV and .xlsx, and writes
// tables into such files. It knows how files are written and by which names a
// form's columns go, in Chinese or as the API has them. What a row's values are
// worth is not its business: package reports judges them.
//
// Files come from outside. What is read is bounded before it is read: the bytes
// that a workbook unpacks to, lines, columns and cells. Formulas are never
// computed; of what is written no cell is one.
package intake

import (
	"iter"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

const (
	// MaxLines is how many lines a file has at most beside the first.
	MaxLines = 100_000
	// MaxColumns is how many columns a line has at most.
	MaxColumns = 64
	// MaxCell is how many bytes a cell has at most.
	MaxCell = 1024
)

// Read returns the rows in a file, one for each value that is there: a line is a
// unit, a column a field of the form.
func Read(format aggregationv1.UploadReportRequest_Format, content []byte, form *aggregationv1.ReportForm) ([]*aggregationv1.Report_Row, error) {
	lines := csvLines(content)
	if format == aggregationv1.UploadReportRequest_FORMAT_XLSX {
		lines = xlsxLines(content)
	}
	return rows(lines, form)
}

// line is a line of a table with its number, from 1.
type line struct {
	number int
	cells  []string
}

// rows reads lines, of which the first that is not empty is the header.
func rows(lines iter.Seq2[line, error], form *aggregationv1.ReportForm) (list []*aggregationv1.Report_Row, err error) {
	var head header
	n := 0
	for l, err := range lines {
		switch {
		case err != nil:
			return nil, err
		case empty(l.cells):
			continue
		case head == nil:
			if head, err = readHeader(l.cells, form); err != nil {
				return nil, err
			}
			continue
		}
		if n++; n > MaxLines {
			return nil, tooLarge("lines", strconv.Itoa(MaxLines))
		}
		if list = append(list, head.read(l)...); len(list) > reports.MaxRows {
			return nil, tooLarge("values", strconv.Itoa(reports.MaxRows))
		}
	}
	if head == nil {
		return nil, errHeader("第一行为空", "the first line is empty")
	}
	return list, nil
}

func empty(cells []string) bool {
	for _, cell := range cells {
		if strings.TrimSpace(cell) != "" {
			return false
		}
	}
	return true
}

// read returns a row for each value of a line.
func (h header) read(l line) (list []*aggregationv1.Report_Row) {
	about := &aggregationv1.Report_Row{Line: int32(l.number)}
	for i, c := range h {
		if i < len(l.cells) && c.about != nil {
			c.about(about, strings.TrimSpace(l.cells[i]))
		}
	}
	for i, c := range h {
		if i >= len(l.cells) || c.field == "" && !c.value {
			continue
		}
		if text := strings.TrimSpace(l.cells[i]); text != "" {
			list = append(list, valued(about, c.field, text))
		}
	}
	return list
}

// valued is a row of a line with one of its values.
func valued(about *aggregationv1.Report_Row, field, text string) *aggregationv1.Report_Row {
	row := &aggregationv1.Report_Row{
		Unit: about.GetUnit(), Scheme: about.GetScheme(), Code: about.GetCode(), Campaign: about.GetCampaign(), Category: about.GetCategory(),
		Line: about.GetLine(), Field: field,
	}
	if field == "" {
		row.Field = about.GetField()
	}
	v, ok := whole(text)
	if row.Value = v; !ok {
		row.Unreadable = clip(text, 64)
	}
	return row
}

// whole reads a whole number as people and spreadsheets write it: 1200, 1,200,
// 12.0.
func whole(text string) (int64, bool) {
	if integer, fraction, point := strings.Cut(text, "."); point && fraction != "" && strings.Trim(fraction, "0") == "" {
		text = integer
	}
	if first, rest, grouped := strings.Cut(text, ","); grouped && first != "" && len(first) <= 3 && thousands(rest) {
		text = strings.ReplaceAll(text, ",", "")
	}
	v, err := strconv.ParseInt(text, 10, 64)
	return v, err == nil
}

func thousands(text string) bool {
	for group := range strings.SplitSeq(text, ",") {
		if len(group) != 3 {
			return false
		}
	}
	return true
}

// clip cuts a text at a character's border.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}
