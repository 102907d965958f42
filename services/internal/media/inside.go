package media

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// prose are the kinds of text that a person writes: a letter with a subject, a list.
// Markup and scripts are none.
var prose = []string{Text, CSV, "text/tab-separated-values", "message/rfc822", "application/x-subrip", "text/vtt"}

// written tells CSV from other text: every row has the same number of cells, and
// there are at least two rows of at least two. Control characters anywhere make
// it neither.
func written(kind string, content []byte) string {
	text, ok := decode(content)
	if !ok || !slices.Contains(prose, kind) {
		return ""
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll() // refuses rows of another length
	if err == nil && len(rows) > 1 && len(rows[0]) > 1 {
		return CSV
	}
	return Text
}

// decode returns text in UTF-8 that is in UTF-8 or in GB18030, and whether it is text.
func decode(content []byte) (text []byte, ok bool) {
	text = bytes.TrimPrefix(content, []byte("\ufeff"))
	if !utf8.Valid(text) {
		var err error
		text, err = simplifiedchinese.GB18030.NewDecoder().Bytes(content)
		if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
			return nil, false
		}
	}
	return text, !bytes.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\f\r", r) })
}

// Blank says whether content says nothing: blanks, line ends, zeros, and of a text also
// commas and other marks, and characters without width.
func Blank(content []byte) bool {
	says := func(r rune) bool { return !unicode.IsSpace(r) && r != 0 }
	if text, ok := decode(content); ok {
		content, says = text, func(r rune) bool {
			return unicode.In(r, unicode.L, unicode.N, unicode.S) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && r != '\u2800'
		}
	}
	return !bytes.ContainsFunc(content, says)
}

// parts is how many files a document has at most; one with more is refused unread.
const parts = 2000

// mains has, of each type that is a package, the part that it must have.
var mains = map[string]string{
	"word/document.xml": DOCX, "xl/workbook.xml": XLSX, "ppt/presentation.xml": PPTX, "OFD.xml": OFD,
}

// packed tells the documents that are packages by the one part that each must have.
// One with macros is refused.
func packed(content []byte) string {
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(r.File) > parts {
		return ""
	}
	kind, declared := "", false
	for _, f := range r.File {
		main := mains[f.Name]
		if strings.HasSuffix(strings.ToLower(f.Name), "vbaproject.bin") || kind != "" && main != "" {
			return ""
		}
		kind += main
		declared = declared || f.Name == "[Content_Types].xml"
	}
	if declared == (kind == OFD) {
		return ""
	}
	return kind
}

// compound tells the documents of 1997 by the stream that each must have. One with
// macros is refused.
func compound(content []byte) string {
	has := func(stream string) bool { return bytes.Contains(content, wide(stream)) }
	switch {
	case has("_VBA_PROJECT"):
		return ""
	case has("WordDocument"):
		return DOC
	case has("PowerPoint Document"):
		return PPT
	case has("Workbook"):
		return XLS
	default:
		return ""
	}
}

// wide writes the name of a stream as a compound file does.
func wide(name string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(name + "\x00")) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return b
}
