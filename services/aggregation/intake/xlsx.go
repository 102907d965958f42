package intake

import (
	"context"
	"encoding/xml"
	"errors"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/duban-project/duban/services/aggregation/reports"
)

// maxBlank is how many lines a sheet has at most, empty ones counted.
const maxBlank = 2 * MaxLines

// cellBytes is how many bytes of a sheet, and of what its cells share, a row of a report
// takes at least: <c><v>1</v></c>.
const cellBytes = 15

// openXLSX finds the parts of a workbook that are to be read.
func openXLSX(ctx context.Context, content []byte) (*File, error) {
	b, err := openBook(ctx, content)
	if err != nil {
		return nil, notXLSX(err)
	}
	most := (b.size(b.sheet) + b.size(b.shared)) / cellBytes
	return &File{most: int(min(most, reports.MaxRows)), lines: b.lines}, nil
}

// lines yields the lines of a workbook's first sheet, with the values that
// were last saved. A sheet is read to its end: one that was cut off, or is out of
// order, is an error.
func (b *book) lines(ctx context.Context) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		styles, err := b.readStyles(ctx)
		if err == nil {
			err = b.readTexts(ctx)
		}
		if err != nil {
			yield(line{}, notXLSX(err))
			return
		}
		s := sheetReader{texts: b.texts, styles: styles}
		err = b.each(ctx, b.sheet, "row", func(d *xml.Decoder, e xml.StartElement) error {
			l, err := s.row(d, e)
			if err == nil && !yield(l, nil) {
				err = errStopped
			}
			return err
		})
		if errors.Is(err, errXML) {
			err = s.damaged()
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(line{}, err)
		}
	}
}

// notXLSX says of a workbook whose parts cannot be read that it is none.
func notXLSX(err error) error {
	if errors.Is(err, errXML) {
		return errFile("不是 .xlsx 文件或已损坏", "it is no .xlsx, or damaged")
	}
	return err
}

// errStopped says that nobody wants the lines that follow.
var errStopped = errors.New("reading a sheet was stopped")

// sheetReader reads the rows of a sheet.
type sheetReader struct {
	texts  []string // those that cells name by their numbers
	styles styles
	last   int // the number of the row before
}

// cellXML is a cell as it is written.
type cellXML struct {
	Place   string   `xml:"r,attr"`
	Kind    string   `xml:"t,attr"`
	Style   int      `xml:"s,attr"`
	Value   *string  `xml:"v"`
	Formula *string  `xml:"f"`
	Inline  *textXML `xml:"is"`
}

// row reads a row to its end.
func (s *sheetReader) row(d *xml.Decoder, e xml.StartElement) (l line, err error) {
	if l.number, err = after(s.last, attribute(e, "r")); err != nil {
		return l, s.damaged()
	}
	if s.last = l.number; l.number > maxBlank {
		return l, tooManyLines.than(MaxLines)
	}
	for column := 0; ; {
		token, err := d.Token()
		if err != nil {
			return l, s.damaged()
		}
		switch token := token.(type) {
		case xml.EndElement:
			return l, bounded(l.cells)
		case xml.StartElement:
			if column, err = s.next(&l, column, d, token); err != nil {
				return l, err
			}
		}
	}
}

// next reads what stands in a row behind a column, from 1, and returns the column
// that it stands in.
func (s *sheetReader) next(l *line, column int, d *xml.Decoder, e xml.StartElement) (int, error) {
	if e.Name.Local != "c" {
		if d.Skip() != nil {
			return 0, errXML
		}
		return column, nil
	}
	c := &cellXML{}
	if err := d.DecodeElement(c, &e); err != nil {
		return 0, errXML
	}
	column, err := c.column(column, l.number)
	if err != nil {
		return 0, s.damaged()
	}
	return column, s.cell(l, column-1, c)
}

// after is the number of a row that comes after another: it may say so itself.
func after(last int, said string) (int, error) {
	if said == "" {
		return last + 1, nil
	}
	n, err := strconv.Atoi(said)
	if err != nil || n <= last {
		return 0, errOrder
	}
	return n, nil
}

var errOrder = errors.New("rows or cells out of order")

// column is that of a cell, from 1, which comes after another in a row.
func (c *cellXML) column(last, row int) (int, error) {
	if c.Place == "" {
		return last + 1, nil
	}
	column, of, err := excelize.CellNameToCoordinates(c.Place)
	if err != nil || of != row || column <= last {
		return 0, errOrder
	}
	return column, nil
}

// cell takes what stands in a cell into the line.
func (s *sheetReader) cell(l *line, i int, c *cellXML) error {
	text, broken, err := s.text(c)
	switch {
	case err != nil:
		return err
	case text == "":
		return nil
	case i >= MaxColumns:
		return tooManyColumns.than(MaxColumns)
	}
	for len(l.cells) <= i {
		l.cells = append(l.cells, "")
	}
	if broken {
		if l.broken == nil {
			l.broken = map[int]string{}
		}
		l.broken[i] = reports.Clip(text)
		return nil
	}
	l.cells[i] = text
	return nil
}

// text is what a cell says. A logical value, an error, a date, a percentage, and a formula
// of which nobody saved what it comes to are broken: they are no value of anything.
func (s *sheetReader) text(c *cellXML) (text string, broken bool, err error) {
	if c.Value != nil {
		text = *c.Value
	}
	switch {
	case c.Kind == "inlineStr":
		return c.Inline.String(), false, nil
	case c.Formula != nil && text == "" && (c.Value == nil || c.Kind != "str"):
		return "=" + *c.Formula, true, nil
	case text == "" || c.Kind == "str" || c.Kind == "d":
		return text, false, nil
	case c.Kind == "" || c.Kind == "n":
		if shown, other := s.styles.shows(c.Style, text); other {
			return shown, true, nil
		}
		return number(text), false, nil
	case c.Kind == "b":
		return map[bool]string{true: "TRUE", false: "FALSE"}[text == "1"], true, nil
	case c.Kind == "e":
		return "#" + strings.TrimPrefix(text, "#"), true, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if c.Kind != "s" || err != nil || n < 0 || n >= len(s.texts) {
		return "", false, s.damaged()
	}
	return s.texts[n], false, nil
}

// maxExact is up to where every whole number is one of a spreadsheet's: beyond, codes would
// become others.
const maxExact = 1 << 53

// shown is how many digits of a number a spreadsheet shows at most.
const shown = 15

// number is a number as a sheet has it, a whole one in digits alone: libraries write 420503.0
// or 1.2E7 for what was entered, and shown, without. A sheet has binary fractions, and shows 15
// digits of them: 434.99999999999994 is shown, and meant, as 435. Other text stays as it is, but
// for the plus sign of a power of ten, which says nothing here.
func number(text string) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.ContainsAny(text, ".eE") {
		return text
	}
	if v != math.Trunc(v) {
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', shown, 64), 64) // it was written as one
	}
	if v != math.Trunc(v) || math.Abs(v) > maxExact {
		return strings.NewReplacer("E+", "E", "e+", "e").Replace(text)
	}
	return strconv.FormatInt(int64(v), 10)
}

func (s *sheetReader) damaged() error {
	n := strconv.Itoa(s.last)
	return errFile("工作表在第 "+n+" 行或其后损坏", "its sheet is damaged at row "+n+" or behind it")
}
