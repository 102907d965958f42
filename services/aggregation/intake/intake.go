// Package intake reads the rows of a report from files, CSV and .xlsx, and writes
// tables into such files. It knows how files are written and by which names a
// form's columns go, in Chinese or as the API has them. What a row's values are
// worth is not its business: package reports judges them.
//
// Files come from outside. What is read is bounded before it is read: the bytes
// that a workbook unpacks to, its elements, texts and relations, lines, columns and
// cells. Formulas are never
// computed; of what is written no cell is one.
package intake

import (
	"bytes"
	"context"
	"iter"
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

// File is a report as a file that waits to be read.
type File struct {
	most  int
	lines func(context.Context) iter.Seq2[line, error]
}

// Most is how many rows the file may have at most, as its size has it.
func (f *File) Most() int { return f.most }

// Open looks how much there is to read in a file, and reads nothing of it yet but, of a
// workbook, which parts there are.
func Open(ctx context.Context, format aggregationv1.UploadReportRequest_Format, content []byte) (*File, error) {
	if format == aggregationv1.UploadReportRequest_FORMAT_XLSX {
		return openXLSX(ctx, content)
	}
	cells := bytes.Count(content, []byte(",")) + bytes.Count(content, []byte("\n")) + 1
	return &File{
		most:  min(cells, reports.MaxRows),
		lines: func(context.Context) iter.Seq2[line, error] { return csvLines(content) },
	}, nil
}

// Read returns the rows in a file, one for each value that is there: a line is a
// unit, a column a field of the form. A line that has no value, or cannot be read
// by the header, is a row too, which has none. It returns also what the file calls
// its columns, as Report.columns has it. It stops once ctx is done.
func (f *File) Read(
	ctx context.Context, form *aggregationv1.ReportForm,
) (rows []*aggregationv1.Report_Row, columns map[string]string, err error) {
	return read(f.lines(ctx), form)
}

// line is a line of a table with its number, from 1.
type line struct {
	number int
	cells  []string
	broken map[int]string // what stands in cells that have no text to be read
}

// read reads lines, of which the first that is not empty is the header.
func read(lines iter.Seq2[line, error], form *aggregationv1.ReportForm) (list []*aggregationv1.Report_Row, columns map[string]string, err error) {
	var head *header
	n := 0
	for l, err := range lines {
		switch {
		case err != nil:
			return nil, nil, err
		case len(trimmed(l.cells)) == 0 && len(l.broken) == 0:
			continue
		case head == nil:
			if head, err = readHeader(l.cells, form); err != nil {
				return nil, nil, err
			}
			continue
		}
		if n++; n > MaxLines {
			return nil, nil, tooManyLines.than(MaxLines)
		}
		if list = append(list, head.read(l)...); len(list) > reports.MaxRows {
			return nil, nil, tooManyValues.than(reports.MaxRows)
		}
	}
	if head == nil {
		return nil, nil, errHeader("第一行为空", "the first line is empty")
	}
	return list, head.heads, nil
}

// read returns a row for each value of a line, or one that says what is wrong with
// all of it.
func (h *header) read(l line) (list []*aggregationv1.Report_Row) {
	about := &aggregationv1.Report_Row{Line: int32(l.number)}
	for i, c := range h.columns {
		if i < len(l.cells) && c.about != nil {
			c.about(about, strings.TrimSpace(l.cells[i]))
		}
	}
	if cell, text, wrong := h.misfit(l); wrong {
		return []*aggregationv1.Report_Row{reports.Unread(about, cell, text)}
	}
	for i, c := range h.columns {
		if c.about != nil {
			continue
		}
		if text := l.text(i); strings.TrimSpace(text) != "" {
			list = append(list, valued(about, c.field, text))
		}
	}
	if len(list) == 0 {
		list = append(list, valued(about, "", reports.Nothing))
	}
	return list
}

// text is what stands in a cell, also in one that is broken, of which no text is a
// number.
func (l line) text(i int) string {
	switch text, broken := l.broken[i]; {
	case broken:
		return text
	case i < len(l.cells):
		return l.cells[i]
	}
	return ""
}

// misfit finds the first cell that keeps the line from being read: one that the
// header has no column for, which may have moved all others, or a broken one that
// says what the line is about.
func (h *header) misfit(l line) (cell, text string, wrong bool) {
	for i := range max(len(l.cells), len(h.columns)) {
		text, known := l.text(i), i < len(h.columns)
		_, broken := l.broken[i]
		switch {
		case i >= h.width, !known && strings.TrimSpace(text) != "":
			return letters(i), text, true
		case known && broken && h.columns[i].about != nil && !h.columns[i].note:
			return h.columns[i].head, text, true
		}
	}
	return "", "", false
}

// letters name a column, from 0, as spreadsheets do: A, B … Z, AA.
func letters(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return letters(i/26-1) + letters(i%26)
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
	reports.Say(row, text)
	return row
}
