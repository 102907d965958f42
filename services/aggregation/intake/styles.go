package intake

import (
	"context"
	"encoding/xml"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
	"github.com/xuri/nfp"
)

// kind is what a style shows a number as.
type kind int

const (
	plain   kind = iota // a number
	percent             // hundredths
	moment              // a date or a time of day
)

const (
	// maxFormat is how many bytes of a number's format are looked at: programs write 255
	// characters at most.
	maxFormat = 1024
	// maxFormats is how many formats of its own a workbook has at most: programs write 250.
	maxFormats = 1000
)

// stylesXML are the styles of a workbook: formats of numbers, and those that cells name by
// their place.
type stylesXML struct {
	Formats []struct {
		ID   int    `xml:"numFmtId,attr"`
		Code string `xml:"formatCode,attr"`
	} `xml:"numFmts>numFmt"`
	Cells []struct {
		Format int `xml:"numFmtId,attr"`
	} `xml:"cellXfs>xf"`
}

// styles are what each style of a workbook shows a number as.
type styles struct {
	kinds []kind
	from  bool // days are counted from 1904 on
}

// readStyles reads what the workbook's styles show numbers as. A workbook without any shows
// them as they are.
func (b *book) readStyles(ctx context.Context) (s styles, err error) {
	if b.styles == "" {
		return s, nil
	}
	err = b.each(ctx, b.main, "workbookPr", func(_ *xml.Decoder, e xml.StartElement) error {
		s.from, _ = strconv.ParseBool(attribute(e, "date1904")) // 1904 only if it says so
		return nil
	})
	if err != nil {
		return s, err
	}
	err = b.each(ctx, b.styles, "styleSheet", func(d *xml.Decoder, e xml.StartElement) error {
		var all stylesXML
		if err := d.DecodeElement(&all, &e); err != nil {
			return errXML
		}
		if len(all.Formats) > maxFormats {
			return errFile("数字格式过多", "it has too many formats of numbers")
		}
		own := map[int]kind{}
		for _, f := range all.Formats {
			own[f.ID] = kindOf(f.Code)
		}
		for _, c := range all.Cells {
			k, ok := own[c.Format]
			if !ok {
				k = builtIn(c.Format)
			}
			s.kinds = append(s.kinds, k)
		}
		return nil
	})
	return s, err
}

// builtIn is what a format that has a number alone shows (ECMA-376, 18.8.30), those of Chinese,
// Japanese and Korean programs too.
func builtIn(id int) kind {
	switch {
	case id == 9, id == 10:
		return percent
	case 14 <= id && id <= 22, 27 <= id && id <= 36, 45 <= id && id <= 47, 50 <= id && id <= 58:
		return moment
	}
	return plain
}

// kindOf is what a format that is written out shows.
func kindOf(code string) kind {
	parser := nfp.NumberFormatParser()
	for _, section := range parser.Parse(strings.ToValidUTF8(code[:min(len(code), maxFormat)], "")) {
		for _, token := range section.Items {
			switch token.TType {
			case nfp.TokenTypePercent:
				return percent
			case nfp.TokenTypeDateTimes, nfp.TokenTypeElapsedDateTimes:
				return moment
			}
		}
	}
	return plain
}

// lastDay is that of the year 9999, behind which spreadsheets have no date.
const lastDay = 2_958_466

// shows is what a style shows a number as if not as the number itself: a date or time, which
// a spreadsheet makes of 3-15, or a percentage. The rest is left to the parser of values.
func (s styles) shows(style int, text string) (string, bool) {
	if style < 0 || style >= len(s.kinds) {
		return "", false
	}
	v, err := strconv.ParseFloat(text, 64)
	switch k := s.kinds[style]; {
	case err != nil || k == plain:
		return "", false
	case k == percent:
		return strconv.FormatFloat(v*100, 'g', shown, 64) + "%", true
	case !(0 <= v && v < lastDay):
		return text + " (#)", true // as #### is shown
	default:
		at, err := excelize.ExcelDateToTime(v, s.from)
		layouts := []string{time.DateOnly, time.TimeOnly, time.DateTime}
		i := slices.Index([]bool{v == math.Trunc(v), v < 1, true}, true)
		return at.Format(layouts[i]), err == nil
	}
}
