package intake

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"github.com/duban-project/duban/services/aggregation/reports"
)

var mark = []byte("\xef\xbb\xbf")

// text returns CSV as UTF-8: what is not UTF-8 is GB18030, which spreadsheets in
// Chinese write.
func text(content []byte) io.Reader {
	if rest, ok := bytes.CutPrefix(content, mark); ok || utf8.Valid(content) {
		return bytes.NewReader(rest)
	}
	return transform.NewReader(bytes.NewReader(content), simplifiedchinese.GB18030.NewDecoder())
}

// csvLines yields the lines of CSV (RFC 4180).
func csvLines(content []byte) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		r := csv.NewReader(text(content))
		r.FieldsPerRecord, r.ReuseRecord = -1, true
		for {
			cells, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = bounded(cells)
			} else {
				err = errFile("第 "+strconv.Itoa(lineOf(err))+" 行", "line "+strconv.Itoa(lineOf(err)))
			}
			if err != nil {
				yield(line{}, err)
				return
			}
			number, _ := r.FieldPos(0)
			if !yield(line{number: number, cells: cells}, nil) {
				return
			}
		}
	}
}

func lineOf(err error) int {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return p.Line
	}
	return 0
}

// bounded refuses lines with too much in them, or what is no text.
func bounded(cells []string) error {
	if len(cells) > MaxColumns {
		return tooManyColumns.than(MaxColumns)
	}
	for _, cell := range cells {
		switch {
		case len(cell) > MaxCell:
			return tooLongCell.than(MaxCell)
		case !utf8.ValidString(cell) || bytes.ContainsAny([]byte(cell), "\x00\ufffd"):
			return errFile("编码有误", "its encoding is wrong")
		}
	}
	return nil
}

func errFile(zh, en string) error { return reports.ErrFileInvalid.At("content", zh, en) }
