package calendar

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxBytes = 64 << 10
	maxSpan  = 31 // days in a row of the document
	maxName  = 200
)

// Parse reads the arrangement of one or more years from a CSV document in
// UTF-8, as a spreadsheet writes it. Lines that begin with # are comments. The
// first row is kind,from,to,name; the others are of three kinds, and those of
// the second and third belong to the year above them:
//
//	year,2026-01-01,2026-12-31,the notice (通知) that arranged the year
//	holiday,2026-10-01,2026-10-07,国庆节
//	make-up,2026-09-20,2026-09-20,国庆节
//
// Days may lie in the year or the December before it. Parse refuses unknown
// kinds, other spellings of a date, a day given twice, a make-up day that is
// not a weekend, a year without holidays, and documents over 64 KiB; the error
// names the line.
func Parse(data []byte) (*Calendar, error) {
	f, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("parsing calendar: %w", err)
	}
	return f.calendar(), nil
}

func read(data []byte) (*draft, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%d bytes, want at most %d", len(data), maxBytes)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	rows.Comment, rows.FieldsPerRecord = '#', 4
	if err := header(rows); err != nil {
		return nil, err
	}
	f := &draft{map[int]string{}, map[Date]exception{}}
	for year := 0; ; {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return f, f.check()
		}
		if err != nil {
			return nil, err
		}
		if year, err = f.add(row, year); err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func header(rows *csv.Reader) error {
	want := []string{"kind", "from", "to", "name"}
	got, err := rows.Read()
	if err != nil {
		return fmt.Errorf("reading the first row: %w", err)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the first row is %q, want %q", got, want)
	}
	return nil
}

// add takes in one row that stands under year and returns the year under which
// the next one stands.
func (f *draft) add(row []string, year int) (int, error) {
	from, to, err := span(row[1], row[2])
	if err != nil {
		return 0, err
	}
	kind, name := row[0], row[3]
	if err := checkName(name); err != nil {
		return 0, err
	}
	switch Kind(kind) {
	case "year":
		return from.Year(), f.addYear(from, to, name)
	case Holiday, MakeUp:
		return year, f.addDays(from, to, exception{Kind(kind), name, year})
	}
	return 0, fmt.Errorf("unknown kind %q, want year, holiday or make-up", kind)
}

func (f *draft) addYear(from, to Date, notice string) error {
	whole := from.AddDays(-1).Year() != from.Year() && to.AddDays(1).Year() != to.Year()
	if !whole || from.Year() != to.Year() {
		return fmt.Errorf("%v to %v is not one whole year", from, to)
	}
	return f.declare(Year{from.Year(), notice})
}

func (f *draft) addDays(from, to Date, e exception) error {
	if e.notice == 0 {
		return errors.New("a day stands above the first year")
	}
	if n := from.DaysUntil(to) + 1; n > maxSpan {
		return fmt.Errorf("%d days in one row, want at most %d", n, maxSpan)
	}
	for d := from; !to.Before(d); d = d.AddDays(1) {
		if err := f.except(d, e); err != nil {
			return err
		}
	}
	return nil
}

func span(first, last string) (from, to Date, err error) {
	if from, err = ParseDate(first); err != nil {
		return
	}
	if to, err = ParseDate(last); err != nil {
		return
	}
	if to.Before(from) {
		err = fmt.Errorf("%v is before %v", to, from)
	}
	return
}

func checkName(s string) error {
	printable := !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	if s == "" || s != strings.TrimSpace(s) || !printable || utf8.RuneCountInString(s) > maxName {
		return fmt.Errorf("name %q: want 1–%d printable characters, no space around them", s, maxName)
	}
	return nil
}
